"""Upload a video once and use it twice; the upload resumes after a broken connection, also in another process."""

from pathlib import Path

from kinora import Kinora

client = Kinora()
file = Path("ball.mp4")
client.videos.generate_to_file(file, prompt="a red ball on a beach", seconds=1)

upload = client.uploads.create(
    file,
    on_created=lambda upload: print("sending", upload.id),  # what `client.uploads.resume(id, file)` takes
    on_progress=lambda sent, total: print(sent, "of", total, "bytes"),
)
print("a", upload.kind, "of", upload.seconds, "seconds and", upload.width, "x", upload.height, "pixels")

longer = client.videos.extend(video=upload, seconds=1, prompt="the ball rolls away")
blue = client.videos.edit(video=upload, prompt="a blue ball on a beach")
for name, video in {"longer": longer, "blue": blue}.items():
    client.videos.wait(video)
    print("saved as", client.videos.download(video, f"{name}.mp4"))
client.uploads.delete(upload)
