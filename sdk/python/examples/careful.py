"""What can go wrong, and what to do about it: asking first, paying once, and giving up in time."""

from kinora import InsufficientCredits, Invalid, Kinora, RateLimited, WaitTimeout

client = Kinora(timeout=30, max_retries=5)
prompt = "a yellow star falls over snowy mountains at night"

estimate = client.videos.estimate(prompt=prompt, seconds=2)
print("would cost", estimate.credits, "credits and take about", estimate.eta_seconds, "seconds")

try:
    # The key is the order's own: whatever happens to this program, running it again makes no second video.
    video = client.videos.create(prompt=prompt, seconds=2, idempotency_key="order-1001")
    video = client.videos.wait(video, timeout=300)
except InsufficientCredits as error:
    print("it costs", error.cost, "and there are", error.available)
except Invalid as error:
    print("the field", error.param, "does not fit:", error.detail)
except RateLimited as error:
    print("too fast; leave it for", error.retry_after, "seconds")
except WaitTimeout as error:
    client.videos.cancel(error.video)
    print("that took too long; cancelled at", error.video.progress, "%")
else:
    print("made from seed", video.seed, "for", video.cost.credits, "credits")
