"""Create several videos at once with the asynchronous client, and save each when it is done."""

import asyncio

from kinora import AsyncKinora, VideoFailed

COLOURS = ("red", "blue", "green")


async def make(client: AsyncKinora, colour: str) -> None:
    try:
        await client.videos.generate_to_file(f"{colour}.mp4", prompt=f"a {colour} ball on a beach", seconds=1)
        print("saved as", f"{colour}.mp4")
    except VideoFailed as failure:
        print(failure, "- try again" if failure.video.failure and failure.video.failure.retryable else "")


async def main() -> None:
    async with AsyncKinora() as client, asyncio.TaskGroup() as tasks:
        for colour in COLOURS:
            tasks.create_task(make(client, colour))


asyncio.run(main())
