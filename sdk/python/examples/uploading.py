"""A video sent in once and used twice: it goes on where a connection breaks, also in another process."""

from pathlib import Path

from kinora import Kinora

client = Kinora()
video = Path("ball.mp4")
client.videos.generate_to_file(video, prompt="a red ball on a beach", seconds=1)

upload = client.uploads.create(
    video,
    on_created=lambda new: print("sending", new.id),  # what `client.uploads.resume(id, video)` would need
    on_progress=lambda have, whole: print(have, "of", whole, "bytes"),
)
print("a", upload.kind, "of", upload.seconds, "seconds and", upload.width, "x", upload.height, "pixels")

longer = client.videos.extend(video=upload, seconds=1, prompt="the ball rolls away")
blue = client.videos.edit(video=upload, prompt="a blue ball on a beach")
for name, made in {"longer": longer, "blue": blue}.items():
    client.videos.wait(made)
    print("saved as", client.videos.download(made, f"{name}.mp4"))
client.uploads.delete(upload)
