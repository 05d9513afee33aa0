"""Converts a stored operation to an engine request.

Pure arithmetic: videos are paths with their length in seconds, and nothing here opens one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.schemas.operations import Blend, Edit, Extension, Loop, Operation, Recut, Remix, Storyboard
from api.videos.styles import Style
from engine.catalog import registry
from engine.planning import operations
from engine.planning.operations import SourceClip
from engine.types import PromptSpan, Request

BLEND_PROMPT_ENDS = (0.25, 0.75)  # of a blend: the first video's prompt holds until here, the second's from there on


class VideoFile(NamedTuple):
    """A video of ours in storage and its length."""

    path: Path
    seconds: float


def to_engine_request(operation: Operation | None, request: Request, files: Sequence[VideoFile]) -> Request:
    """The request with the operation's videos and prompts laid out over time."""
    clips = [_to_engine_clip(request, file) for file in files]
    match operation:
        case None:
            result = request
        case Remix(strength):
            result = operations.remix_clip(request, clips[0], strength)
        case Edit(strength, was):
            result = operations.edit_clip(replace(request, source_prompt=was), clips[0], strength)
        case Extension(seconds, direction):
            result = operations.extend_clip(request, clips[0], seconds, direction)
        case Recut(keep):
            result = operations.recut_clip(request, clips[0], keep, request.seconds)
        case Blend(curve, prompts):
            result = operations.blend_clips(
                _with_blend_prompts(request, prompts), clips[0], clips[1], curve, request.seconds
            )
        case Loop(length):
            result = operations.loop_clip(request, clips[0], length) if clips else replace(request, loop=True)
        case Storyboard(cards, loop):
            engine_cards = [
                operations.EngineCard(
                    card.at, card.prompt, card.until, clip=None if card.source is None else clips[card.source]
                )
                for card in cards
            ]
            result = operations.lay_out_storyboard(replace(request, loop=loop), engine_cards)
    return result


def apply_style(operation: Operation | None, style: Style) -> Operation | None:
    """The operation with a style's words added to its own prompts."""
    match operation:
        case Storyboard(cards):
            styled = (
                msgspec.structs.replace(card, prompt=style.extend_prompt(card.prompt)) if card.prompt else card
                for card in cards
            )
            return msgspec.structs.replace(operation, cards=tuple(styled))
        case Blend(prompts=(first, second)):
            return msgspec.structs.replace(operation, prompts=(style.extend_prompt(first), style.extend_prompt(second)))
        case _:
            return operation


def generated_seconds(request: Request, until: int | None = None) -> float:
    """Seconds of the clip, or of its first `until` frames, that are generated and not kept from source videos."""
    model = registry.find_model(request.model)
    end = registry.frame_count(model, request.seconds) if until is None else until
    kept = sum(max(0, min(take.frames, end - take.at)) for take in request.source_spans if take.keeps_pixels)
    return (end - kept) / model.fps


def _to_engine_clip(request: Request, file: VideoFile) -> SourceClip:
    return SourceClip(file.path, registry.frame_count(registry.find_model(request.model), file.seconds))


def _with_blend_prompts(request: Request, prompts: tuple[str, str] | None) -> Request:
    if prompts is None:
        return request
    total = registry.frame_count(registry.find_model(request.model), request.seconds)
    first, second = (round(total * share) for share in BLEND_PROMPT_ENDS)
    return replace(request, prompt_spans=(PromptSpan(0, first, prompts[0]), PromptSpan(second, total, prompts[1])))
