"""Create a video from a prompt, follow its progress, and save it."""

from kinora import Kinora

client = Kinora()  # reads KINORA_API_KEY and KINORA_BASE_URL

video = client.videos.create(prompt="a red ball bounces over green hills at sunset", seconds=2)
print(video.id, "costs", video.cost.credits, "credits")

video = client.videos.wait(video, timeout=600, on_progress=lambda video: print(video.status, video.progress, "%"))
print("saved as", client.videos.download(video, "ball.mp4"))
