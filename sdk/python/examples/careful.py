"""Handle errors: estimate the cost first, pay once, and give up after a timeout."""

from kinora import InsufficientCredits, Invalid, Kinora, RateLimited, WaitTimeout

client = Kinora(timeout=30, max_retries=5)
prompt = "a yellow star falls over snowy mountains at night"

estimate = client.videos.estimate(prompt=prompt, seconds=2)
print("costs", estimate.credits, "credits and takes about", estimate.eta_seconds, "seconds")

try:
    # The key belongs to the order: running this program again makes no second video.
    video = client.videos.create(prompt=prompt, seconds=2, idempotency_key="order-1001")
    video = client.videos.wait(video, timeout=300)
except InsufficientCredits as error:
    print("costs", error.cost, "credits, available are", error.available)
except Invalid as error:
    print("the field", error.param, "is not valid:", error.detail)
except RateLimited as error:
    print("too many requests; retry after", error.retry_after, "seconds")
except WaitTimeout as error:
    client.videos.cancel(error.video)
    print("timed out; cancelled at", error.video.progress, "%")
else:
    print("made from seed", video.seed, "for", video.cost.credits, "credits")
