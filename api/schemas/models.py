"""Response bodies that describe models."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.videos import Quality

ImagePositions = Literal["none", "first", "ends", "any"]


class Limits(Struct, frozen=True, kw_only=True):
    """Limits of requests to a model."""

    max_seconds: Annotated[int, Meta(description="Longest video the model generates, in seconds.")]
    min_side: Annotated[int, Meta(description="Smallest width or height, in pixels.")]
    max_side: Annotated[int, Meta(description="Largest width or height, in pixels.")]
    side_multiple: Annotated[int, Meta(description="Width and height are multiples of this number of pixels.")]
    max_upload_bytes: Annotated[int, Meta(description="Largest file that may be uploaded, in bytes.")]
    max_image_pixels: Annotated[
        int, Meta(description="Largest image that may be uploaded, as width × height in pixels.")
    ]
    max_video_pixels: Annotated[
        int, Meta(description="Largest frame of an uploaded video, as width × height in pixels.")
    ]
    max_video_seconds: Annotated[float, Meta(description="Longest video that may be uploaded, in seconds.")]


class Model(Struct, frozen=True, kw_only=True):
    """A model served here and its capabilities.

    Videos are denoised at one of the `native_sizes`, with `frame_rule` × k + 1 frames, and written with the size and
    duration that were requested.
    """

    id: Annotated[str, Meta(description="Name of the model, sent as `model` in requests.")]
    object: Literal["model"] = "model"
    title: Annotated[str, Meta(description="Display name.")]
    description: Annotated[str, Meta(description="One-sentence description.")]
    created: Annotated[int, Meta(description="Time of publication, in Unix seconds.")]
    owned_by: Annotated[str, Meta(description="Organisation that published the model.")]
    repo: Annotated[
        str | None,
        Meta(
            description="Hugging Face repository of the weights; null if they are part of Kinora or the operator's own."
        ),
    ]
    licence: Annotated[str, Meta(description="Licence of the weights, as an SPDX identifier where there is one.")]
    licence_url: Annotated[str, Meta(description="URL of the licence text.")]
    memory_gb: Annotated[float, Meta(description="Device memory needed with all weights loaded, in GB.")]
    memory_estimated: Annotated[bool, Meta(description="Whether `memory_gb` is an estimate rather than a measurement.")]
    fps: Annotated[float, Meta(description="Frames per second.")]
    frame_rule: Annotated[int, Meta(description="The model denoises `frame_rule` × k + 1 frames.")]
    sizes: Annotated[
        list[str], Meta(description="Recommended sizes, as width x height in pixels; the first is the default.")
    ]
    native_sizes: Annotated[list[str], Meta(description="Sizes the model denoises at, as width x height in pixels.")]
    image_positions: Annotated[
        ImagePositions,
        Meta(description="Frames that may be given as images: `none`, the `first`, both `ends`, or `any`."),
    ]
    operations: Annotated[list[str], Meta(description="Supported operations.")]
    qualities: Annotated[list[Quality], Meta(description="Supported qualities.")]
    loras: Annotated[list[str], Meta(description="Names of the installed LoRAs.")]
    limits: Annotated[Limits, Meta(description="Limits of requests to this model.")]
    aliases: Annotated[list[str], Meta(description="Other names under which requests may refer to the model.")]
