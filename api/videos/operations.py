"""How a stored operation becomes an engine request.

Pure arithmetic: films are paths with their length in seconds, and nothing here opens one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.schemas.operations import Blend, Edit, Extension, Loop, Operation, Recut, Remix, Storyboard
from engine.catalog import registry
from engine.planning import operations
from engine.planning.operations import Clip
from engine.types import Cue, Request

GIVES_WAY = (0.25, 0.75)  # of a blend: until here it is about its first film, from there on about its second


class Film(NamedTuple):
    """A film of ours and how long it is."""

    path: Path
    seconds: float


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
