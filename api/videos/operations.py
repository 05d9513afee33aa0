"""How the studio makes a clip from others, as it is kept with the clip's row, and as the engine takes it.

Pure arithmetic: films are paths with their length in seconds, and nothing here opens one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from engine.catalog import registry
from engine.planning import operations
from engine.planning.operations import Clip, Curve, Direction, Length
from engine.types import Cue, Request, Strength

GIVES_WAY = (0.25, 0.75)  # of a blend: until here it is about its first film, from there on about its second


class Film(NamedTuple):
    """A film of ours and how long it is."""

    path: Path
    seconds: float


class Remix(Struct, frozen=True, tag="remix"):
    """Made again from a noised copy."""

    strength: Strength


class Edit(Struct, frozen=True, tag="edit"):
    """Changed where the prompt says otherwise than `was`, which the film was made from."""

    strength: Strength
    was: str


class Extension(Struct, frozen=True, tag="extend"):
    """So many seconds more."""

    seconds: float
    direction: Direction


class Recut(Struct, frozen=True, tag="recut"):
    """Stretches (from, to) in seconds that stay."""

    keep: tuple[tuple[float, float], ...]


class Blend(Struct, frozen=True, tag="blend"):
    """From one film to another; `prompts` are theirs where the clip has none of its own."""

    curve: Curve
    prompts: tuple[str, str] | None


class Loop(Struct, frozen=True, tag="loop"):
    """From its end to its beginning; without a film, a new clip that does so."""

    length: Length


class Shot(Struct, frozen=True):
    """A card: a prompt, or the number of a film."""

    at: float
    until: float | None = None
    prompt: str = ""
    film: int | None = None


class Storyboard(Struct, frozen=True, tag="storyboard"):
    """Prompts and films on one timeline."""

    shots: tuple[Shot, ...]
    loop: bool


Operation: TypeAlias = Remix | Edit | Extension | Recut | Blend | Loop | Storyboard


def laid(operation: Operation | None, request: Request, films: Sequence[Film]) -> Request:
    """The request with the operation's films and prompts laid out over time."""
    clips = [_clip(request, film) for film in films]
    match operation:
        case None:
            made = request
        case Remix(strength):
            made = operations.remix(request, clips[0], strength)
        case Edit(strength, was):
            made = operations.edit(replace(request, source_prompt=was), clips[0], strength)
        case Extension(seconds, direction):
            made = operations.extend(request, clips[0], seconds, direction)
        case Recut(keep):
            made = operations.recut(request, clips[0], keep, request.seconds)
        case Blend(curve, prompts):
            made = operations.blend(_giving_way(request, prompts), clips[0], clips[1], curve, request.seconds)
        case Loop(length):
            made = operations.loop(request, clips[0], length) if clips else replace(request, loop=True)
        case Storyboard(shots, loop):
            cards = [operations.Card(s.at, s.prompt, s.until, clip=_of(clips, s.film)) for s in shots]
            made = operations.storyboard(replace(request, loop=loop), cards)
    return made


def styled(operation: Operation | None, said: Callable[[str], str]) -> Operation | None:
    """The operation with its own prompts in a style's words."""
    match operation:
        case Storyboard(shots):
            spoken = (msgspec.structs.replace(s, prompt=said(s.prompt)) if s.prompt else s for s in shots)
            return msgspec.structs.replace(operation, shots=tuple(spoken))
        case Blend(prompts=(first, second)):
            return msgspec.structs.replace(operation, prompts=(said(first), said(second)))
        case _:
            return operation


def generated(request: Request, until: int | None = None) -> float:
    """Seconds that are made of the clip, or of its first `until` frames; the others are kept from films."""
    model = registry.find(request.model)
    end = registry.frames(model, request.seconds) if until is None else until
    kept = sum(max(0, min(take.frames, end - take.at)) for take in request.takes if take.kept)
    return (end - kept) / model.fps


def _clip(request: Request, film: Film) -> Clip:
    return Clip(film.path, registry.frames(registry.find(request.model), film.seconds))


def _of(clips: Sequence[Clip], number: int | None) -> Clip | None:
    return None if number is None else clips[number]


def _giving_way(request: Request, prompts: tuple[str, str] | None) -> Request:
    if prompts is None:
        return request
    total = registry.frames(registry.find(request.model), request.seconds)
    first, second = (round(total * share) for share in GIVES_WAY)
    return replace(request, cues=(Cue(0, first, prompts[0]), Cue(second, total, prompts[1])))
