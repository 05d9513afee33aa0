"""One clip, and what the studio makes of it: the same at night, longer, and without an end."""

from kinora import Kinora

client = Kinora()

day = client.videos.create_and_wait(prompt="a red boat on the sea, at noon", seconds=2)
night = client.videos.remix(day, prompt="a red boat on the sea, at night", strength="mild")
longer = client.videos.extend(video=day, seconds=1)
endless = client.videos.loop(video=day, length="short")

for name, made in {"night": night, "longer": longer, "endless": endless}.items():
    client.videos.wait(made)
    print("saved as", client.videos.download(made, f"{name}.mp4"))
