"""A storyboard of three shots on one timeline, with a cut before the last."""

from kinora import Kinora, Storyboard

story = (
    Storyboard()
    .show("a red ball over green hills, at dawn", seconds=1.5)
    .show("a red ball over green hills, at noon", seconds=1.5)
    .cut("a blue boat on the sea, at night", seconds=1)
)
client = Kinora()
video = client.videos.generate_to_file("story.mp4", prompt="a day out", **story.arguments)
print(video.seconds, "seconds, saved as story.mp4")
