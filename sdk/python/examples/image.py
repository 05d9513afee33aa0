"""Create an image and a video that begins with it."""

from pathlib import Path

from kinora import Kinora

client = Kinora()

still = client.images.generate(prompt="a green kite over a beach")
client.videos.download(still.data[0].id, "kite.jpg", variant="poster")

video = client.videos.create_and_wait(
    prompt="a green kite flies up over a beach", seconds=1, first_frame=Path("kite.jpg")
)
print("saved as", client.videos.download(video, "kite.mp4"))
