"""A sentence becomes a file: make a video, see it grow, save it."""

from kinora import Kinora

client = Kinora()  # KINORA_API_KEY and KINORA_BASE_URL say who asks, and where

video = client.videos.create(prompt="a red ball bounces over green hills at sunset", seconds=2)
print(video.id, "costs", video.cost.credits, "credits")

video = client.videos.wait(video, timeout=600, on_progress=lambda now: print(now.status, now.progress, "%"))
print("saved as", client.videos.download(video, "ball.mp4"))
