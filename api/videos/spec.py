"""Normalizes every body that creates a clip to one `ClipSpec`: prompt, length, operation, images and sources.

Pure: the source videos are already resolved, and the limits of models and plans are checked in `quote`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api.errors import Invalid
from api.schemas.operations import Blend, Edit, Extension, Loop, Operation, Recut, Remix, StoredCard, Storyboard
from api.schemas.video_requests import (
    CreateRequest,
    ImageCreate,
    ImageSource,
    Source,
    StoryboardCard,
    TimeRange,
    VideoBlend,
    VideoCreate,
    VideoEdit,
    VideoExtension,
    VideoLoop,
    VideoRecut,
    VideoRemix,
)
from api.schemas.videos import Resize
from api.videos.operations import VideoFile

STILL = 0.0  # seconds of an image


class SourceReference(NamedTuple):
    """A video that a body names, and in which field."""

    field: str
    source: Source


class SourceVideo(NamedTuple):
    """A video that a clip is made from: one of the user's own, with its model and prompt, or an upload.

    `width` and `height` are in pixels. `styled_prompt` is the prompt with the words of the style it was made in.
    """

    file: VideoFile
    width: int
    height: int
    id: str | None = None
    model: str | None = None
    prompt: str | None = None
    styled_prompt: str | None = None


class ImageInput(NamedTuple):
    """An image that the clip shows at second `at`, or at its very end (None); `field` is where the body has it."""

    field: str
    reference: ImageSource
    at: float | None


class ClipSpec(NamedTuple):
    """The clip that a body asks for. What the body leaves open is None.

    `model` is the body's, else that of a source video. Without a `size` the clip has the shape of `shape_source`.
    """

    prompt: str
    seconds: float
    operation: Operation | None
    model: str | None = None
    size: str | None = None
    shape_source: SourceVideo | None = None
    images: tuple[ImageInput, ...] = ()
    resize: Resize = "crop"


def list_source_references(request: CreateRequest) -> list[SourceReference]:
    """The videos that the body names, in the order in which `build_clip_spec` takes them."""
    match request:
        case VideoCreate(storyboard=cards):
            named = [(f"storyboard.{number}.video", card.video) for number, card in enumerate(cards)]
        case ImageCreate():
            named = []
        case VideoBlend(first=first, second=second):
            named = [("from", first), ("to", second)]
        case VideoRemix(video=video) | VideoEdit(video=video) | VideoExtension(video=video):
            named = [("video", video)]
        case VideoRecut(video=video) | VideoLoop(video=video):
            named = [("video", video)]
        case _:
            raise TypeError(request)
    return [SourceReference(field, source) for field, source in named if source is not None]


def build_clip_spec(request: CreateRequest, sources: Sequence[SourceVideo]) -> ClipSpec:
    """The clip that the body asks for. Raises Invalid."""
    match request:
        case VideoCreate():
            spec = _new_clip(request, sources)
        case ImageCreate(prompt=prompt, model=model, size=size):
            spec = ClipSpec(prompt, STILL, None, model, size)
        case VideoRemix(strength=strength):
            spec = _derived_clip(request, sources[0], Remix(strength))
        case VideoEdit(strength=strength):
            spec = _derived_clip(request, sources[0], Edit(strength, sources[0].styled_prompt or ""))
        case VideoExtension(seconds=seconds, direction=direction):
            total = sources[0].file.seconds + seconds
            spec = _derived_clip(request, sources[0], Extension(seconds, direction), total)
        case VideoRecut(seconds=new_length, keep=keep):
            ranges = _check_kept_ranges(keep, sources[0].file.seconds, new_length)
            spec = _derived_clip(request, sources[0], Recut(ranges), new_length)
        case VideoBlend():
            spec = _blended_clip(request, sources)
        case VideoLoop(length=length):
            spec = _derived_clip(request, sources[0], Loop(length))
        case _:
            raise TypeError(request)
    return spec


def _new_clip(request: VideoCreate, sources: Sequence[SourceVideo]) -> ClipSpec:
    stored_cards, card_images = _split_cards(request)
    return ClipSpec(
        prompt=request.prompt,
        seconds=request.seconds,
        operation=_storyboard_operation(request, stored_cards),
        model=request.model or next((source.model for source in sources if source.model), None),
        size=request.size,
        shape_source=next(iter(sources), None),
        images=(*_frame_images(request), *card_images),
        resize=request.resize,
    )


def _frame_images(request: VideoCreate) -> list[ImageInput]:
    """The images at the beginning and at the end of the clip."""
    if request.input_reference is not None and request.first_frame is not None:
        raise Invalid("`input_reference` and `first_frame` mean the same image; send one.", param="first_frame")
    frames = (
        ("input_reference", request.input_reference, 0.0),
        ("first_frame", request.first_frame, 0.0),
        ("last_frame", request.last_frame, None),
    )
    return [ImageInput(field, reference, at) for field, reference, at in frames if reference is not None]


def _split_cards(request: VideoCreate) -> tuple[list[StoredCard], list[ImageInput]]:
    """The cards with a prompt or a video, and the images of the others."""
    stored_cards, images, videos = [], [], 0
    for number, card in enumerate(request.storyboard):
        field = f"storyboard.{number}"
        _check_card(card, field, request.seconds)
        if card.upload is not None:
            images.append(ImageInput(f"{field}.upload", card.upload, card.at))
        else:
            source = videos if card.video is not None else None
            stored_cards.append(StoredCard(card.at, card.until, card.prompt or "", source))
            videos += card.video is not None
    return stored_cards, images


def _storyboard_operation(request: VideoCreate, cards: list[StoredCard]) -> Operation | None:
    """The storyboard, which begins with the clip's own prompt until a card has another."""
    if not cards:
        return Loop("normal") if request.loop else None
    prompt_starts = [card.at for card in cards if card.prompt]
    if not prompt_starts or min(prompt_starts) > 0:
        cards = [StoredCard(0.0, prompt=request.prompt), *cards]
    return Storyboard(tuple(cards), request.loop)


def _check_card(card: StoryboardCard, field: str, seconds: float) -> None:
    if sum(content is not None for content in (card.prompt, card.upload, card.video)) != 1:
        raise Invalid(f"`{field}` takes one of `prompt`, `upload` and `video`.", param=field)
    if card.at >= seconds:
        detail = f"`{field}.at` is {card.at:g}, and the clip ends at {seconds:g} seconds."
        raise Invalid(detail, param=f"{field}.at", limit=seconds)
    if card.until is not None and (card.prompt is None or card.until <= card.at):
        detail = f"`{field}.until` is the end of a prompt and must be after `at`."
        raise Invalid(detail, param=f"{field}.until")


def _blended_clip(request: VideoBlend, sources: Sequence[SourceVideo]) -> ClipSpec:
    first, second = sources
    prompts = None if request.prompt else (_resolve_prompt(request, first), _resolve_prompt(request, second))
    prompt = request.prompt or " → ".join(prompts or ())
    model = first.model or second.model
    return ClipSpec(prompt, request.seconds, Blend(request.curve, prompts), model, shape_source=first)


def _derived_clip(
    request: CreateRequest, source: SourceVideo, operation: Operation, seconds: float | None = None
) -> ClipSpec:
    """A clip made from one other: of its model and shape, and of its length unless `seconds` is another."""
    length = source.file.seconds if seconds is None else seconds
    return ClipSpec(_resolve_prompt(request, source), length, operation, source.model, shape_source=source)


def _resolve_prompt(request: CreateRequest, source: SourceVideo) -> str:
    """The request's own prompt, else the source's: with the words of its style, unless the request brings another."""
    prompt = request.prompt or (source.prompt if request.preset else source.styled_prompt)
    if not prompt:
        raise Invalid("An uploaded video has no prompt; describe the result in `prompt`.", param="prompt")
    return prompt


def _check_kept_ranges(
    keep: Sequence[TimeRange], length: float, seconds: float | None
) -> tuple[tuple[float, float], ...]:
    """The kept ranges in their order. Raises Invalid where they overlap or leave nothing to be made."""
    ordered, end = sorted((part.start, part.stop) for part in keep), 0.0
    for start, stop in ordered:
        if not end <= start < stop <= length:
            detail = f"`keep` takes ranges in order, without overlap, within the video's {length:g} seconds."
            raise Invalid(detail, param="keep", limit=length)
        end = stop
    kept, total = sum(stop - start for start, stop in ordered), length if seconds is None else seconds
    if kept >= total:
        detail = f"`keep` holds {kept:g} seconds of {total:g}; leave something to be made, or make the clip longer."
        raise Invalid(detail, param="keep", limit=total)
    return tuple(ordered)
