"""The recipe for LTX-Video: text, noise and pictures -> latents -> frames, over diffusers' own modules.

The loop is ours, so that a step can be reported and cancelled, and every latent frame may have its own noise
level: a picture is a token that starts clean, a carried latent likewise. Noise levels and positions follow
diffusers' LTXConditionPipeline, to which the tests compare it. It knows tensors and windows, nothing of
files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from diffusers.utils.torch_utils import randn_tensor

from engine.catalog import Model, Sampling
from engine.footage import Footage
from engine.frames import picture, place
from engine.loader import Parts, tile, wear
from engine.plan import Frame, Guide, Plan, Shown, Window, derived
from engine.schedule import noise_levels, scheduler
from engine.types import Cancelled, Condition

_GIVEN: Final = 1.0 - 1e-6
"""A token of a higher strength is given, not denoised."""


@dataclass(frozen=True, slots=True)
class Text:
    """Encoded prompts [B, length, channels] and their mask. With guidance the first is what to avoid; the others
    count as `weights` says. `source` (embeds, mask) is what a film that is edited shows.
    """

    embeds: torch.Tensor
    mask: torch.Tensor
    weights: tuple[float, ...]
    source: tuple[torch.Tensor, torch.Tensor]

    @property
    def guided(self) -> bool:
        """Whether there is something to avoid."""
        return len(self.embeds) > len(self.weights)

    def at(self, weights: tuple[tuple[int, float], ...]) -> Text:
        """Only the prompts of these numbers, with these weights."""
        rows = [0] * self.guided + [number + self.guided for number, _ in weights]
        return Text(self.embeds[rows], self.mask[rows], tuple(weight for _, weight in weights), self.source)

    @property
    def of_source(self) -> Text:
        """What the film shows, alone and without guidance."""
        return Text(*self.source, (1.0,), self.source)


@dataclass(slots=True)
class Tokens:
    """What the transformer sees of one window, one token per latent pixel.

    `latents` [1, S, C] in float32; `strength` [1, S], how far each token is given (1) or free (0);
    `coordinates` [1, 3, S], its frame and upper left pixel. The first `extra` tokens are pictures that sit
    beside the window's own grid and are dropped at the end. `source` [1, S, C] is the film that is edited, and
    `begins` the noise level down from which it changes.
    """

    latents: torch.Tensor
    strength: torch.Tensor
    coordinates: torch.Tensor
    extra: int = 0
    source: torch.Tensor | None = None
    begins: float = 1.0


Strip: TypeAlias = dict[int, torch.Tensor]
"""A gap's latents so far by their number, each [1, C, 1, h, w]."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One clip in the making: its plan, the latents of each gap, and the films it is made from."""

    plan: Plan
    footage: Footage
    strips: tuple[Strip, ...]

    @classmethod
    def of(cls, plan: Plan) -> Cut:
        """Nothing made yet."""
        return cls(plan, Footage(plan.fps), tuple({} for _ in plan.gaps))


@torch.inference_mode()
def encode_text(parts: Parts, plan: Plan, negative: str, how: Sampling) -> Text:
    """Encode the plan's prompts, and what to avoid when there is guidance; what is too long is cut off.

    Padding reaches only to the longest of them: masked tokens change nothing and cost time.
    """
    prompts = [plan.source_prompt, *([] if how.guidance_scale <= 1 else [negative]), *plan.prompts]
    limit = min(plan.model.max_prompt_tokens, parts.tokenizer.model_max_length)
    found = parts.tokenizer(prompts, padding=True, max_length=limit, truncation=True, return_tensors="pt")
    ids, mask = found.input_ids.to(parts.device), found.attention_mask.bool().to(parts.device)
    embeds = parts.text_encoder(ids, attention_mask=mask)[0]
    embeds = embeds.to(parts.dtype)
    return Text(embeds[1:], mask[1:], (1.0,) * len(plan.prompts), (embeds[:1], mask[:1]))


@torch.inference_mode()
def prepare(parts: Parts, cut: Cut, window: Window) -> Tokens:
    """Noise for one window, with everything it is given written into it; films beside its gap go into the strip."""
    shape = _grid_shape(parts, cut.plan, window.latents)
    generator = torch.Generator("cpu").manual_seed(window.seed)
    grid = randn_tensor(shape, generator=generator, device=parts.device, dtype=torch.float32)
    given = torch.zeros(window.latents, device=parts.device)
    _continue(parts, cut, window, grid, given)
    for guide in window.guides:
        _follow(parts, cut, guide, grid, given)
    _remember(cut.strips[window.gap], window, grid)
    beside = []
    for placed in window.pictures:
        latents, strength = _encode(parts, _pixels(parts, cut, placed.picture)), _strength(placed.picture)
        if placed.frame == 0:
            grid[:, :, :1] = torch.lerp(grid[:, :, :1], latents, strength)
            given[0] = strength
        else:
            beside.append(_beside(parts, cut.plan.model, placed.frame, latents, strength, generator))
    own = Tokens(
        _pack(grid),
        given.repeat_interleave(shape[3] * shape[4])[None],
        _coordinates(parts, cut.plan.model, *shape[2:]),
    )
    return _upon(parts, cut, window.edited, own) if window.edited else _joined([*beside, own])


@torch.inference_mode()
def denoise(
    parts: Parts, plan: Plan, how: Sampling, text: Text, tokens: Tokens, seed: int, cancelled: Callable[[], bool]
) -> Iterator[int]:
    """Denoise `tokens` in place, yielding the number of each finished step; Cancelled between steps."""
    wear(parts, how.adapter)
    coordinates = tokens.coordinates / torch.tensor([plan.fps, 1.0, 1.0], device=parts.device)[:, None]
    way = _edit if tokens.source is not None else _clear
    steps = way(parts, plan, how, text, tokens, coordinates, seed)
    for step in range(1, how.steps + 1):
        if cancelled():
            raise Cancelled
        next(steps)
        _settle(parts)
        yield step


@torch.inference_mode()
def keep(parts: Parts, cut: Cut, window: Window, tokens: Tokens) -> None:
    """Put a denoised window's new latents into their strip."""
    shape = _grid_shape(parts, cut.plan, window.latents)
    grid = tokens.latents[:, tokens.extra :].transpose(1, 2).reshape(shape)
    for latent in range(window.first, window.end):
        at = latent - window.origin
        cut.strips[window.gap][latent] = grid[:, :, at : at + 1].clone()
    _settle(parts)


@torch.inference_mode()
def decode(parts: Parts, cut: Cut, shown: Shown) -> torch.Tensor:
    """The frames of the clip that are shown, at native size: [F, 3, h, w] floats around 0..1.

    When there is no room for whole frames it tries once more in tiles.
    """
    strip, plan = cut.strips[shown.gap], cut.plan
    mean, std = _statistics(parts)
    latents = torch.cat([strip[latent] for latent in range(shown.decode_from, shown.decode_to)], dim=2)
    latents = (latents * std / parts.vae.config.scaling_factor + mean).to(parts.dtype)
    latents, level = _renoised(parts, plan, latents, shown)
    tile(parts, *plan.native)
    try:
        video = parts.vae.decode(latents, level, return_dict=False)[0]
    except torch.OutOfMemoryError:
        tile(parts, *plan.native, force=True)
        video = parts.vae.decode(latents, level, return_dict=False)[0]
    skip = shown.first - plan.gaps[shown.gap].origin - parts.temporal * shown.decode_from
    frames: torch.Tensor = video[0, :, skip : skip + shown.last - shown.first + 1].transpose(0, 1).float() / 2 + 0.5
    _settle(parts)
    return frames


def _clear(
    parts: Parts, plan: Plan, how: Sampling, text: Text, tokens: Tokens, coordinates: torch.Tensor, seed: int
) -> Iterator[None]:
    """From noise to a clip; what is given at less than full strength joins in when the rest has come down to it."""
    schedule = scheduler(parts.scheduler, how, tokens.latents.shape[1] - tokens.extra, parts.device)
    start = tokens.latents
    stirring = torch.Generator("cpu").manual_seed(derived(seed, "stir"))
    for timestep in schedule.timesteps:
        if plan.model.condition_noise:
            _stir(tokens, start, plan.model.condition_noise * (timestep / 1000) ** 2, stirring)
        times = torch.minimum(timestep, (1 - tokens.strength) * 1000)
        velocity = _velocity(parts, how, text, tokens.latents, times, coordinates)
        moved = schedule.step(-velocity, timestep, tokens.latents, per_token_timesteps=times, return_dict=False)
        free = timestep / 1000 - 1e-6 < 1 - tokens.strength
        tokens.latents = torch.where(free[..., None], moved[0], tokens.latents)
        yield


def _edit(
    parts: Parts, _plan: Plan, how: Sampling, text: Text, tokens: Tokens, coordinates: torch.Tensor, seed: int
) -> Iterator[None]:
    """From a film to another straight away: at each noise level it moves by how differently the two prompts would
    clear it, so that what they agree on stays (FlowEdit, arXiv 2412.08629).
    """
    source = tokens.source
    if source is None:
        return
    generator = torch.Generator("cpu").manual_seed(seed)
    free = (tokens.strength < _GIVEN)[..., None]
    levels = [*(noise_levels(how) * tokens.begins).tolist(), 0.0]
    for level, below in pairwise(levels):
        noise = randn_tensor(source.shape, generator=generator, device=parts.device, dtype=source.dtype)
        noised = torch.lerp(source, noise, level)
        times = free[..., 0] * level * 1000
        theirs = _velocity(parts, how, text.of_source, torch.where(free, noised, source), times, coordinates)
        ours = torch.where(free, tokens.latents + noised - source, tokens.latents)
        difference = _velocity(parts, how, text, ours, times, coordinates) - theirs
        tokens.latents = torch.where(free, tokens.latents + (below - level) * difference, tokens.latents)
        yield


def _settle(parts: Parts) -> None:
    """Wait for the GPU: work is only queued there, so progress would run ahead of it and a cancel come late."""
    if parts.device.type == "cuda":
        torch.cuda.current_stream(parts.device).synchronize()


def _grid_shape(parts: Parts, plan: Plan, latents: int) -> tuple[int, int, int, int, int]:
    width, height = (side // parts.spatial for side in plan.native)
    return (1, int(parts.transformer.config.in_channels), latents, height, width)


def _velocity(
    parts: Parts, how: Sampling, text: Text, latents: torch.Tensor, times: torch.Tensor, coordinates: torch.Tensor
) -> torch.Tensor:
    batch = len(text.embeds)
    predicted: torch.Tensor = parts.transformer(
        hidden_states=latents.to(parts.dtype).expand(batch, -1, -1),
        encoder_hidden_states=text.embeds,
        encoder_attention_mask=text.mask,
        timestep=times.expand(batch, -1),
        video_coords=coordinates.expand(batch, -1, -1),
        return_dict=False,
    )[0].float()
    counted = torch.tensor(text.weights, device=parts.device)[:, None, None]
    towards = (counted * predicted[text.guided :]).sum(0, keepdim=True) if len(text.weights) > 1 else predicted[-1:]
    if not text.guided:
        return towards
    without = predicted[:1]
    return without + how.guidance_scale * (towards - without)


def _stir(tokens: Tokens, start: torch.Tensor, scale: torch.Tensor, generator: torch.Generator) -> None:
    """Put a little noise on what is given, fading as the rest clears: without it a picture tends to stand still."""
    given = tokens.strength > _GIVEN
    noise = randn_tensor(start.shape, generator=generator, device=start.device, dtype=start.dtype)
    tokens.latents = torch.where(given[..., None], start + scale * noise, tokens.latents)


def _continue(parts: Parts, cut: Cut, window: Window, grid: torch.Tensor, given: torch.Tensor) -> None:
    """Write into the window what its own strip already has in front of it and behind it."""
    strip = cut.strips[window.gap]
    if window.before == "strip":
        grid[:, :, :1] = _anchor(parts, cut, window)
        given[: window.lead] = 1.0
        for latent in range(window.origin + 1, window.first):
            grid[:, :, latent - window.origin] = strip[latent][:, :, 0]
    if window.behind == "strip":
        given[window.lead + window.new :] = 1.0
        for latent in range(window.end, window.end + window.trail):
            grid[:, :, latent - window.origin] = strip[latent][:, :, 0]


def _anchor(parts: Parts, cut: Cut, window: Window) -> torch.Tensor:
    """The frame before what a window carries, as a latent 0. It is decoded for this alone, so that no window has to
    wait until the one before is shown.
    """
    frame = cut.plan.gaps[window.gap].origin + parts.temporal * window.origin
    around = Shown(window.gap, frame, frame, max(0, window.origin - 1), min(window.origin + 2, window.first))
    return _encode(parts, decode(parts, cut, around).transpose(0, 1)[None] * 2 - 1)


def _follow(parts: Parts, cut: Cut, guide: Guide, grid: torch.Tensor, given: torch.Tensor) -> None:
    """Write frames of a film into the window, under as much noise as their strengths leave."""
    strengths = torch.tensor(guide.strengths, device=parts.device)
    where = slice(guide.at, guide.at + len(guide.strengths))
    grid[:, :, where] = torch.lerp(grid[:, :, where], _guiding(parts, cut, guide), strengths.view(1, 1, -1, 1, 1))
    given[where] = strengths


def _guiding(parts: Parts, cut: Cut, guide: Guide) -> torch.Tensor:
    """A guide's frames as its latents [1, C, F, h, w]."""
    ahead = int(guide.at > 0)
    first = guide.start - ahead
    last = first + parts.temporal * (len(guide.strengths) - 1 + ahead)
    return _encode(parts, _film(parts, cut, guide.film, first, last))[:, :, ahead:]


def _remember(strip: Strip, window: Window, grid: torch.Tensor) -> None:
    """Films beside a gap belong to its strip: the decoder looks at them."""
    own = [*range(window.lead if window.before == "film" else 0)]
    if window.behind in {"film", "beginning"}:
        own += range(window.lead + window.new, window.latents)
    for at in own:
        strip[window.origin + at] = grid[:, :, at : at + 1].clone()


def _upon(parts: Parts, cut: Cut, edited: Guide, tokens: Tokens) -> Tokens:
    """A window that starts as the film it changes, except where it is given what was changed already."""
    source = _pack(_guiding(parts, cut, edited))
    given = tokens.strength > _GIVEN
    latents = torch.where(given[..., None], tokens.latents, source)
    return replace(tokens, latents=latents, source=source, begins=1 - edited.strengths[0])


def _pixels(parts: Parts, cut: Cut, shown: Condition | Frame) -> torch.Tensor:
    """A picture as a native frame [1, 3, 1, h, w] in -1..1."""
    if isinstance(shown, Frame):
        return _film(parts, cut, shown.film, shown.number, shown.number)
    return picture(shown, cut.plan.native, cut.plan.size)


def _strength(shown: Condition | Frame) -> float:
    return shown.strength if isinstance(shown, Condition) else 1.0


def _film(parts: Parts, cut: Cut, film: Path | None, first: int, last: int) -> torch.Tensor:
    """Frames of a film, or of the clip's own beginning, as native frames [1, 3, F, h, w] in -1..1."""
    if film is not None:
        return place(cut.footage.frames(film, first, last), cut.plan.native, cut.plan.size)
    latest = -(-last // parts.temporal)
    beginning = Shown(0, first, last, 0, min(latest + 2, 1 + max(cut.strips[0])))
    return decode(parts, cut, beginning).transpose(0, 1)[None] * 2 - 1


def _beside(
    parts: Parts, model: Model, frame: int, latents: torch.Tensor, strength: float, generator: torch.Generator
) -> Tokens:
    """A picture within the window, as tokens that share its place in time with the grid's own."""
    noise = randn_tensor(latents.shape, generator=generator, device=parts.device, dtype=torch.float32)
    packed = _pack(torch.lerp(noise, latents, strength))
    coordinates = _coordinates(parts, model, 1, *latents.shape[3:])
    coordinates[:, 0] += frame
    strengths = torch.full(packed.shape[:2], strength, device=parts.device)
    return Tokens(packed, strengths, coordinates, extra=packed.shape[1])


def _joined(all_tokens: list[Tokens]) -> Tokens:
    return Tokens(
        latents=torch.cat([each.latents for each in all_tokens], dim=1),
        strength=torch.cat([each.strength for each in all_tokens], dim=1),
        coordinates=torch.cat([each.coordinates for each in all_tokens], dim=2),
        extra=sum(each.extra for each in all_tokens),
    )


def _encode(parts: Parts, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels [1, 3, 1, h, w] in -1..1 -> normalised latents in float32: the likeliest ones, always the same."""
    latents: torch.Tensor = parts.vae.encode(pixels.to(parts.device, parts.dtype)).latent_dist.mode().float()
    mean, std = _statistics(parts)
    normalised: torch.Tensor = (latents - mean) * parts.vae.config.scaling_factor / std
    return normalised


def _statistics(parts: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each latent channel."""

    def broad(values: Any) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=parts.device).view(1, -1, 1, 1, 1)

    return broad(parts.vae.latents_mean), broad(parts.vae.latents_std)


def _renoised(
    parts: Parts, plan: Plan, latents: torch.Tensor, shown: Shown
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Decoders since 0.9.1 take the last denoising step themselves: they want a little noise, and its level.

    A latent's noise depends on its place in the clip alone, since it is decoded twice where windows meet.
    """
    if not parts.vae.config.timestep_conditioning:
        return latents, None
    origin = plan.gaps[shown.gap].origin
    noise = [
        randn_tensor(
            latents[:, :, :1].shape,
            generator=torch.Generator("cpu").manual_seed(derived(plan.seed, f"decode {origin} {latent}")),
            device=parts.device,
            dtype=latents.dtype,
        )
        for latent in range(shown.decode_from, shown.decode_to)
    ]
    level = torch.tensor([plan.model.decode_timestep], device=parts.device, dtype=latents.dtype)
    return torch.lerp(latents, torch.cat(noise, dim=2), plan.model.decode_noise), level


def _coordinates(parts: Parts, model: Model, latents: int, height: int, width: int) -> torch.Tensor:
    """Where each token is, [1, 3, S]: the first frame it stands for, and its upper left pixel."""
    ranges = [
        torch.arange(count, dtype=torch.float32, device=parts.device) * scale
        for count, scale in ((latents, parts.temporal), (height, parts.spatial), (width, parts.spatial))
    ]
    coordinates = torch.stack(torch.meshgrid(*ranges, indexing="ij")).flatten(1)
    if model.causal_time:
        coordinates[0] = (coordinates[0] + 1 - parts.temporal).clamp(min=0)
    return coordinates[None]


def _pack(grid: torch.Tensor) -> torch.Tensor:
    """[1, C, F, h, w] -> one token per latent pixel [1, S, C]."""
    return grid.flatten(2).transpose(1, 2)
