"""Ask the engine for clips of what training never saw, and count what they show: `python -m engine.mini.evaluate`.

Prompts are held-out combinations in held-out wordings, in English and French. Beside each figure stands the
judge's own ceiling, on drawn clips of the same scenes; beside the main ones also chance, the same verdicts
against other prompts. The main table comes by itself, other sections when asked for.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo

from engine.catalog import DEFAULT, Size
from engine.generate import Engine
from engine.mini import scores, train_vae, world
from engine.mini.crops import to_video
from engine.mini.scores import PAIR, SINGLE, Trial, percent, trial
from engine.mini.studio import (
    FRAMES,
    NATIVE,
    Question,
    Studio,
    answered,
    drawn,
    made,
    picture,
    psnr,
    questions,
    through_codec,
    truth,
)
from engine.types import EngineConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.mini.world import Bytes, Scene

WEIGHTS: Final = Path(__file__).parent / "weights"
GIVEN: Final = {"first frame": (0,), "first and last": (0, -1), "middle": (FRAMES // 2,)}
PARTS: Final = 4  # of five seconds, in a long clip


class Section(NamedTuple):
    """Clips for the contact sheet, and what to print."""

    trials: list[Trial]
    text: str


def single(studio: Studio, asked: Sequence[Question]) -> Section:
    """One thing: the main table, by motion, by language, and how the pictures hold up."""
    trials, ceiling = made(studio, asked), drawn(asked, studio.size)
    tables = (scores.table(trials, ceiling), scores.by_motion(trials, ceiling), scores.by_language(trials))
    return Section(trials, "\n\n".join((*tables, scores.pictures(trials, ceiling), studio.pace)))


def pairs(studio: Studio, asked: Sequence[Question]) -> Section:
    """Two things that do the same."""
    trials = made(studio, asked)
    return Section(trials, f"{scores.table(trials, drawn(asked, studio.size), PAIR)}\n\n{studio.pace}")


def turbo(full: Sequence[Trial], studio: Studio, asked: Sequence[Question]) -> Section:
    """The few-step version beside the full one, of the same prompts and seeds."""
    fast = replace(studio, quality="turbo", seconds=0.0, clips=0)
    trials = made(fast, asked)
    return Section(trials, f"{scores.side_by_side({'full': full, 'turbo': trials})}\n\n{studio.pace}; {fast.pace}")


# --- given frames ---------------------------------------------------------------------------------------


def given(studio: Studio, asked: Sequence[Question]) -> Section:
    """Drawn frames given: how well they come back, and whether the clip goes on from them as asked."""
    lines = [
        "| given | dB, half are better | at worst | through the codec alone | motion | colour | shape |",
        "|---" * 7 + "|",
    ]
    truths = [truth(question, studio.size) for question in asked]
    shown: list[Trial] = []
    for name, places in GIVEN.items():
        trials = [
            _continued(studio, q, true, places, seed) for seed, (q, true) in enumerate(zip(asked, truths, strict=True))
        ]
        ours = [_decibels(t.frames, true, places) for t, true in zip(trials, truths, strict=True)]
        codec = [_decibels(through_codec(true), true, places) for true in truths]
        figures = [f"{np.median(ours):.1f}", f"{min(ours):.1f}", f"{np.median(codec):.1f}"]
        figures += [scores.share(trials, SINGLE[check]) for check in ("motion", "colour", "shape")]
        lines.append(f"| {name} | {' | '.join(figures)} |")
        shown += trials[:PARTS]
    return Section(shown, "\n".join(lines))


def _continued(studio: Studio, question: Question, true: Bytes, places: tuple[int, ...], seed: int) -> Trial:
    conditions = [picture(true, place) for place in places]
    return answered(question, studio.film(question.prompt, seed, given=conditions))


def _decibels(ours: Bytes, true: Bytes, places: tuple[int, ...]) -> float:
    return min(psnr(ours[place], true[place]) for place in places)


# --- length ---------------------------------------------------------------------------------------------


def long(studio: Studio, asked: Sequence[Question]) -> Section:
    """Twenty seconds, judged five by five: is it still the same, and does it still move?"""
    films = [studio.film(q.prompt, seed, length=PARTS * world.SECONDS) for seed, q in enumerate(asked)]
    truths = [truth(q, studio.size, PARTS * FRAMES) for q in asked]
    columns = [_lasting([q.scene for q in asked], clips) for clips in (films, truths)]
    lines = ["| | clips | drawn clips |", "|---|---|---|"]
    lines += [f"| {name} | {columns[0][name]} | {columns[1][name]} |" for name in columns[0]]
    return Section([answered(q, film) for q, film in zip(asked, films, strict=True)], "\n".join(lines))


def _lasting(scenes: list[Scene], films: list[Bytes]) -> dict[str, str]:
    cut = [[trial(s, part) for part in np.split(f, PARTS)] for s, f in zip(scenes, films, strict=True)]
    jumps = [trial(s, f).verdict.jump for s, f in zip(scenes, films, strict=True)]
    rows = {
        f"{name} right in every part": percent(all(SINGLE[name](t.scene, t.verdict) for t in parts) for parts in cut)
        for name in ("colour", "shape", "place", "time of day")
    }
    for part in range(PARTS):
        spoken = f"motion right from {5 * part} to {5 * part + 5} s"
        rows[spoken] = percent(moves_on(parts[part], first=part == 0) for parts in cut)
    rows["most that scenery changes between two frames, levels"] = f"{np.median(jumps):.1f}, at worst {max(jumps):.1f}"
    return rows


def moves_on(part: Trial, *, first: bool) -> bool:
    """What grows does so ever more slowly (world.path): after five seconds it may seem to stand still."""
    settled = not first and part.scene.motion == "growing" and part.verdict.motion == "still"
    return settled or SINGLE["motion"](part.scene, part.verdict)


# --- the autoencoder alone ------------------------------------------------------------------------------


def vae(folder: Path, asked: Sequence[Question]) -> Section:
    """Drawn clips encoded and decoded: what no transformer can better. `folder` holds weights, or is where
    training keeps its state.
    """
    training = (folder / "vae.pt").exists()
    coder = train_vae.load(folder) if training else AutoencoderKLLTXVideo.from_pretrained(folder / "vae")
    trials, decibels = [], []
    for question in asked:
        clip = world.draw(question.scene)
        frames, thing = decoded(coder, clip.frames), clip.mask > 0.5
        some = (np.s_[:], thing, np.s_[:1])
        decibels.append([psnr(frames[part], clip.frames[part]) for part in some])
        trials.append(answered(question, frames[:FRAMES]))
    ceiling = drawn(asked)
    whole, things, first = np.mean(decibels, axis=0)
    spoken = f"PSNR {whole:.1f} dB, of things {things:.1f} dB, of frame 0 {first:.1f} dB"
    tables = (scores.table(trials, ceiling), scores.by_motion(trials, ceiling), scores.pictures(trials, ceiling))
    return Section(trials, "\n\n".join((*tables, spoken)))


@torch.inference_mode()
def decoded(coder: AutoencoderKLLTXVideo, frames: Bytes) -> Bytes:
    """Frames, uint8 (8 k + 1, height, width, 3), through an autoencoder and back."""
    video = to_video(frames)[None].to(coder.dtype)
    back = coder.decode(coder.encode(video).latent_dist.mode()).sample[0].permute(1, 2, 3, 0)
    pixels: Bytes = (back.float().clamp(-1, 1) * 127.5 + 128).byte().numpy()
    return pixels


# --- command --------------------------------------------------------------------------------------------


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    shown: list[Trial] = []
    for title, section in _sections(options):
        print(f"## {title}\n\n{section.text}\n", flush=True)
        shown += section.trials[: options.rows]
        if options.sheet:
            scores.contact_sheet(shown, options.sheet)


def _sections(wanted: argparse.Namespace) -> Iterator[tuple[str, Section]]:
    """Each section as soon as it is there."""
    asked = questions(wanted.count, wanted.seed)
    if wanted.vae:
        yield "Drawn clips through the autoencoder", vae(wanted.weights or WEIGHTS, asked)
        return
    weights = {DEFAULT: str(wanted.weights)} if wanted.weights else {}
    studio = Studio(Engine(EngineConfig(weights=weights, threads=wanted.threads)), wanted.size, wanted.quality)
    yield "One thing", (main_section := single(studio, asked))
    few = asked[: max(8, len(asked) // 6)]
    if wanted.turbo:
        yield "Full and turbo", turbo(main_section.trials, studio, asked)
    if wanted.pairs:
        some = questions(max(8, len(asked) // 3), wanted.seed, pair=True)
        yield "Two things", pairs(replace(studio, seconds=0.0, clips=0), some)
    if wanted.given:
        yield "Given frames", given(replace(studio, size=NATIVE), few)
    if wanted.long:
        yield "Twenty seconds", long(replace(studio, size=NATIVE), few)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder of weights, default the bundled ones")
    parser.add_argument("--count", type=int, default=72, help="clips of the main table; other sections take fewer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=_size, default=NATIVE, help="of the file, such as 320x192")
    parser.add_argument("--quality", choices=("turbo", "full"), default="full")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="PNG file for a contact sheet of the first clips of each section")
    parser.add_argument("--rows", type=int, default=12, help="clips of a section on the contact sheet")
    parser.add_argument("--vae", action="store_true", help="nothing but drawn clips through the autoencoder")
    for section in ("pairs", "given", "long", "turbo"):
        parser.add_argument(f"--{section}", action="store_true")
    parser.add_argument("--all", action="store_true", help="every section but --vae")
    options = parser.parse_args()
    if options.all:
        options.pairs = options.given = options.long = options.turbo = True
    return options


def _size(text: str) -> Size:
    width, height = text.split("x")
    return Size(int(width), int(height))


if __name__ == "__main__":
    main()
