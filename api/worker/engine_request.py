"""Translation of a claimed job and its stored inputs into a request to the engine."""

from __future__ import annotations

import asyncio

from api.sql.leases import ClaimedGeneration
from api.storage.local import Storage
from api.videos.inputs import ClipInputs
from api.videos.operations import VideoFile, to_engine_request
from engine.types import ImageCondition, LoraWeight, Request


async def build_engine_request(job: ClaimedGeneration, inputs: ClipInputs, storage: Storage) -> Request:
    """The engine's request, with the images read and the paths of the videos."""
    conditions = [
        ImageCondition(
            image=await asyncio.to_thread(storage.read_file, image.key),
            frame=image.frame,
            strength=image.strength,
            resize="pad" if image.resize == "pad" else "crop",
        )
        for image in inputs.images
    ]
    plain = Request(
        model=job.served_by,
        prompt=job.prompt,
        width=job.width,
        height=job.height,
        seconds=job.seconds,
        seed=job.seed,
        negative_prompt=job.negative_prompt,
        quality=job.quality,
        conditions=tuple(conditions),
        marked=job.marked,
        loras=tuple(LoraWeight(lora.name, lora.weight) for lora in job.loras),
    )
    files = [VideoFile(storage.file_path(video.key), video.seconds) for video in inputs.videos]
    return to_engine_request(job.operation, plain, files)
