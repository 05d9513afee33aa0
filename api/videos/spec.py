"""Each body that asks for a clip, as one shape: what it shows, how long it is, and what it is made from.

Pure: films are already found, and what a model or a plan allows is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from api.errors import Invalid
from api.schemas.operations import Blend, Edit, Extension, Loop, Operation, Recut, Remix, Shot, Storyboard
from api.schemas.video_requests import (
    ImageCreate,
    ImageSource,
    Making,
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
from api.videos.operations import Film

STILL = 0.0  # seconds of a picture


class Reference(NamedTuple):
    """A film a body names, and in which field."""

    field: str
    source: Source


class Footage(NamedTuple):
    """A film that was found and its pixels: one of the user's videos, with its model and prompt, or an upload.

    `said` is the prompt in the words of the style it was made in.
    """

    film: Film
    width: int
    height: int
    id: str | None = None
    model: str | None = None
    prompt: str | None = None
    said: str | None = None


class Picture(NamedTuple):
    """A picture the clip passes through at second `at`, or at its very end; `field` is where the body has it."""

    field: str
    reference: ImageSource
    at: float | None


class Draft(NamedTuple):
    """A clip as it was asked for. What the body leaves open is None; `like` is a film whose shape it then has."""

    prompt: str
    seconds: float
    operation: Operation | None
    model: str | None = None
    size: str | None = None
    like: Footage | None = None
    pictures: tuple[Picture, ...] = ()
    resize: Resize = "crop"


def references(asked: Making) -> list[Reference]:
    """The films the body names, in the order in which a draft wants them."""
    match asked:
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
            raise TypeError(asked)
    return [Reference(field, source) for field, source in named if source is not None]


def draft(asked: Making, footage: Sequence[Footage]) -> Draft:
    """What the body asks for, given the films it names. Raises Invalid."""
    match asked:
        case VideoCreate():
            found = _create(asked, footage)
        case ImageCreate(prompt=prompt, model=model, size=size):
            found = Draft(prompt, STILL, None, model, size)
        case VideoRemix(strength=strength):
            found = _upon(asked, footage[0], Remix(strength))
        case VideoEdit(strength=strength):
            found = _upon(asked, footage[0], Edit(strength, footage[0].said or ""))
        case VideoExtension(seconds=seconds, direction=direction):
            longer = footage[0].film.seconds + seconds
            found = _upon(asked, footage[0], Extension(seconds, direction), longer)
        case VideoRecut(seconds=new_length, keep=keep):
            kept = _kept(keep, footage[0].film.seconds, new_length)
            found = _upon(asked, footage[0], Recut(kept), new_length)
        case VideoBlend():
            found = _blend(asked, footage)
        case VideoLoop(length=length):
            found = _upon(asked, footage[0], Loop(length))
        case _:
            raise TypeError(asked)
    return found


def _create(asked: VideoCreate, footage: Sequence[Footage]) -> Draft:
    if asked.input_reference is not None and asked.first_frame is not None:
        raise Invalid("`input_reference` and `first_frame` mean the same image; send one.", param="first_frame")
    beginning = (("input_reference", asked.input_reference, 0.0), ("first_frame", asked.first_frame, 0.0))
    framing = (*beginning, ("last_frame", asked.last_frame, None))
    shots, laid, films = [], [], 0
    for number, card in enumerate(asked.storyboard):
        field = f"storyboard.{number}"
        _check_card(card, field, asked.seconds)
        if card.upload is not None:
            laid.append(Picture(f"{field}.upload", card.upload, card.at))
        else:
            shots.append(Shot(card.at, card.until, card.prompt or "", films if card.video is not None else None))
            films += card.video is not None
    return Draft(
        prompt=asked.prompt,
        seconds=asked.seconds,
        operation=_timeline(asked, shots),
        model=asked.model or next((found.model for found in footage if found.model), None),
        size=asked.size,
        like=next(iter(footage), None),
        pictures=(*(Picture(f, given, at) for f, given, at in framing if given is not None), *laid),
        resize=asked.resize,
    )


def _timeline(asked: VideoCreate, shots: list[Shot]) -> Operation | None:
    """The storyboard, which begins with the clip's own prompt until a card has another."""
    if not shots:
        return Loop("normal") if asked.loop else None
    spoken = [shot.at for shot in shots if shot.prompt]
    if not spoken or min(spoken) > 0:
        shots = [Shot(0.0, prompt=asked.prompt), *shots]
    return Storyboard(tuple(shots), asked.loop)


def _check_card(card: StoryboardCard, field: str, seconds: float) -> None:
    if sum(each is not None for each in (card.prompt, card.upload, card.video)) != 1:
        raise Invalid(f"`{field}` takes one of `prompt`, `upload` and `video`.", param=field)
    if card.at >= seconds:
        detail = f"`{field}.at` is {card.at:g}, and the clip ends at {seconds:g} seconds."
        raise Invalid(detail, param=f"{field}.at", limit=seconds)
    if card.until is not None and (card.prompt is None or card.until <= card.at):
        detail = f"`{field}.until` says when a prompt ends, and comes behind `at`."
        raise Invalid(detail, param=f"{field}.until")


def _blend(asked: VideoBlend, footage: Sequence[Footage]) -> Draft:
    first, second = footage
    prompts = None if asked.prompt else (_prompt(asked, first), _prompt(asked, second))
    about = asked.prompt or " → ".join(prompts or ())
    model = first.model or second.model
    return Draft(about, asked.seconds, Blend(asked.curve, prompts), model, like=first)


def _upon(asked: Making, footage: Footage, operation: Operation, seconds: float | None = None) -> Draft:
    """A clip made from one other: of its model and shape, and as long unless it says otherwise."""
    length = footage.film.seconds if seconds is None else seconds
    return Draft(_prompt(asked, footage), length, operation, footage.model, like=footage)


def _prompt(asked: Making, footage: Footage) -> str:
    """The request's own prompt, else the film's: in the words of its style, unless the request brings another."""
    own: str | None = getattr(asked, "prompt", None)
    if not (found := own or (footage.prompt if asked.preset else footage.said)):
        raise Invalid("An uploaded video has no prompt; describe the result in `prompt`.", param="prompt")
    return found


def _kept(keep: Sequence[TimeRange], length: float, seconds: float | None) -> tuple[tuple[float, float], ...]:
    """The stretches in their order. Raises Invalid where they overlap or leave nothing to be made."""
    ordered, end = sorted((stretch.start, stretch.stop) for stretch in keep), 0.0
    for start, stop in ordered:
        if not end <= start < stop <= length:
            detail = f"`keep` takes ranges in order, without overlap, within the video's {length:g} seconds."
            raise Invalid(detail, param="keep", limit=length)
        end = stop
    stays, total = sum(stop - start for start, stop in ordered), length if seconds is None else seconds
    if stays >= total:
        detail = f"`keep` holds {stays:g} seconds of {total:g}; leave something to be made, or make the clip longer."
        raise Invalid(detail, param="keep", limit=total)
    return tuple(ordered)
