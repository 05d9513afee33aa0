"""Edit a video: the same scene at night, a longer version, and a seamless loop."""

from kinora import Kinora

client = Kinora()

day = client.videos.create_and_wait(prompt="a red boat on the sea, at noon", seconds=2)
night = client.videos.remix(day, prompt="a red boat on the sea, at night", strength="mild")
longer = client.videos.extend(video=day, seconds=1)
endless = client.videos.loop(video=day, length="short")

for name, video in {"night": night, "longer": longer, "endless": endless}.items():
    client.videos.wait(video)
    print("saved as", client.videos.download(video, f"{name}.mp4"))
