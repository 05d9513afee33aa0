"""What a model can do, as it travels."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.videos import Quality

PicturePlaces = Literal["none", "first", "ends", "any"]


class Limits(Struct, frozen=True, kw_only=True):
    """What one request to this model may ask."""

    max_seconds: Annotated[int, Meta(description="The longest clip, in seconds.")]
    min_side: Annotated[int, Meta(description="The shortest side, in pixels.")]
    max_side: Annotated[int, Meta(description="The longest side, in pixels.")]
    side_multiple: Annotated[int, Meta(description="Both sides are multiples of so many pixels.")]
    max_upload_bytes: Annotated[int, Meta(description="The largest file, in bytes.")]
    max_upload_pixels: Annotated[int, Meta(description="The largest picture: width x height, in pixels.")]
    max_film_pixels: Annotated[int, Meta(description="The largest frame of a film: width x height, in pixels.")]
    max_film_seconds: Annotated[float, Meta(description="The longest film that may be sent, in seconds.")]


class Model(Struct, frozen=True, kw_only=True):
    """A model served here and what it can do. Sizes are `WxH`; the first is the default.

    `repo` is where its weights are published, null where they ship with Kinora or are the operator's own.
    `memory_gb` is of the device, with all weights on it. It is denoised at `native_sizes`, in frames of the form
    `frame_rule` × k + 1; files have the size and the length asked for. `pictures` says where a clip may be given any:
    nowhere, at its first frame, at either end, or anywhere.
    """

    id: Annotated[str, Meta(description="Its name, which requests give as `model`.")]
    object: Annotated[Literal["model"], Meta(description="What kind of object this is.")] = "model"
    title: Annotated[str, Meta(description="Its name for people.")]
    description: Annotated[str, Meta(description="What it is, in a sentence.")]
    created: Annotated[int, Meta(description="When it was published, in Unix seconds.")]
    owned_by: Annotated[str, Meta(description="Who made it.")]
    repo: Annotated[
        str | None,
        Meta(
            description="Where its weights are published; null where they ship with Kinora or are the operator's own."
        ),
    ]
    licence: Annotated[str, Meta(description="Its licence, by its SPDX name where it has one.")]
    licence_url: Annotated[str, Meta(description="Where the licence can be read.")]
    memory_gb: Annotated[float, Meta(description="Memory of the device with all weights on it, in GB.")]
    memory_estimated: Annotated[bool, Meta(description="Whether that was estimated and not measured.")]
    fps: Annotated[float, Meta(description="Frames in a second.")]
    frame_rule: Annotated[int, Meta(description="It denoises so many frames times k, and one.")]
    sizes: Annotated[
        list[str], Meta(description="Sizes that suit it, as width x height in pixels; the first is the default.")
    ]
    native_sizes: Annotated[list[str], Meta(description="The sizes it denoises at, in pixels.")]
    pictures: Annotated[PicturePlaces, Meta(description="Where a clip may be given pictures.")]
    operations: Annotated[list[str], Meta(description="What it can do.")]
    qualities: Annotated[list[Quality], Meta(description="The qualities it can be asked for.")]
    loras: Annotated[list[str], Meta(description="The LoRAs it has here.")]
    limits: Annotated[Limits, Meta(description="What one request may ask of it.")]
    aliases: Annotated[list[str], Meta(description="Other names that it answers to.")]
