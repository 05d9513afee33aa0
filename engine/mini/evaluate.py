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

from engine.catalog.model import Size
from engine.catalog.registry import DEFAULT_MODEL
from engine.mini.dataset.renderer import render_clip
from engine.mini.dataset.scenes import SECONDS
from engine.mini.evaluation import scores
from engine.mini.evaluation.sampling import (
    FRAMES,
    NATIVE,
    ClipGenerator,
    EvaluationPrompt,
    generated_trials,
    ground_truth,
    ground_truth_trials,
    held_out_prompts,
    image_condition,
    judge_prompt,
    peak_snr,
    through_codec,
)
from engine.mini.evaluation.scores import PAIR, SINGLE, Trial, format_percent
from engine.mini.training import train_vae
from engine.mini.training.vae_dataset import to_video
from engine.runtime.engine import Engine
from engine.types import EngineConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.mini.dataset.arrays import ByteArray

WEIGHTS: Final = Path(__file__).parent / "weights"
GIVEN: Final = {"first frame": (0,), "first and last": (0, -1), "middle": (FRAMES // 2,)}
PARTS: Final = 4  # of five seconds, in a long clip
LASTING: Final = ("colour", "shape", "motion", "place", "time of day")


class ReportSection(NamedTuple):
    """Clips for the contact sheet, and what to print."""

    trials: list[Trial]
    text: str


def report_single(studio: ClipGenerator, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """One thing: the main table, by motion, by language, and how the pictures hold up."""
    trials, ceiling = generated_trials(studio, asked), ground_truth_trials(asked, studio.size)
    tables = (
        scores.accuracy_table(trials, ceiling),
        scores.motion_table(trials, ceiling),
        scores.language_table(trials),
    )
    return ReportSection(
        trials, "\n\n".join((*tables, scores.image_quality_table(trials, ceiling), studio.pace_summary))
    )


def report_pairs(studio: ClipGenerator, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """Two things that do the same."""
    trials = generated_trials(studio, asked)
    return ReportSection(
        trials,
        f"{scores.accuracy_table(trials, ground_truth_trials(asked, studio.size), PAIR)}\n\n{studio.pace_summary}",
    )


def report_turbo(full: Sequence[Trial], studio: ClipGenerator, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """The few-step version beside the full one, of the same prompts and seeds."""
    fast = replace(studio, quality="turbo", seconds=0.0, clips=0)
    trials = generated_trials(fast, asked)
    return ReportSection(
        trials, f"{scores.side_by_side({'full': full, 'turbo': trials})}\n\n{studio.pace_summary}; {fast.pace_summary}"
    )


# --- given frames ---------------------------------------------------------------------------------------


def report_conditioned(studio: ClipGenerator, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """Drawn frames given: how well they come back, and whether the clip goes on from them as asked."""
    lines = [
        "| given | dB, half are better | at worst | through the codec alone | motion | colour | shape |",
        "|---" * 7 + "|",
    ]
    truths = [ground_truth(question, studio.size) for question in asked]
    shown: list[Trial] = []
    for name, places in GIVEN.items():
        trials = [
            _conditioned_trial(studio, q, true, places, seed)
            for seed, (q, true) in enumerate(zip(asked, truths, strict=True))
        ]
        ours = [_worst_psnr(t.frames, true, places) for t, true in zip(trials, truths, strict=True)]
        codec = [_worst_psnr(through_codec(true), true, places) for true in truths]
        figures = [f"{np.median(ours):.1f}", f"{min(ours):.1f}", f"{np.median(codec):.1f}"]
        figures += [scores.accuracy_share(trials, SINGLE[check]) for check in ("motion", "colour", "shape")]
        lines.append(f"| {name} | {' | '.join(figures)} |")
        shown += trials[:PARTS]
    return ReportSection(shown, "\n".join(lines))


def _conditioned_trial(
    studio: ClipGenerator, question: EvaluationPrompt, true: ByteArray, places: tuple[int, ...], seed: int
) -> Trial:
    conditions = [image_condition(true, place) for place in places]
    return judge_prompt(question, studio.generate(question.prompt, seed, given=conditions))


def _worst_psnr(ours: ByteArray, true: ByteArray, places: tuple[int, ...]) -> float:
    return min(peak_snr(ours[place], true[place]) for place in places)


# --- length ---------------------------------------------------------------------------------------------


def report_long_clips(studio: ClipGenerator, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """Twenty seconds, judged five by five: is it still the same, and does it still move?"""
    films = [studio.generate(q.prompt, seed, length=PARTS * SECONDS) for seed, q in enumerate(asked)]
    truths = [ground_truth(q, studio.size, PARTS * FRAMES) for q in asked]
    wholes, ideals = ([judge_prompt(q, f) for q, f in zip(asked, some, strict=True)] for some in (films, truths))
    jumps = [[t.verdict.jump for t in some] for some in (wholes, ideals)]
    spoken = (
        "Most that scenery changes between two frames, levels: {:.1f}, at worst {:.1f}; drawn clips {:.1f}, {:.1f}."
    )
    figures = [figure(some) for some in jumps for figure in (np.median, max)]
    return ReportSection(wholes, f"{_accuracy_over_time(asked, films, truths)}\n\n{spoken.format(*figures)}")


def _accuracy_over_time(
    asked: Sequence[EvaluationPrompt], films: Sequence[ByteArray], truths: Sequence[ByteArray]
) -> str:
    """The share right of each part. A thing on its way round through the edges is out of sight for a while: counted
    are parts in which the drawn clip can be judged.
    """
    ours, ideal = ([_checks_by_part(q, film) for q, film in zip(asked, some, strict=True)] for some in (films, truths))
    fair = [
        [{name: right for name, right in part.items() if drawing[name]} for part, drawing in zip(*clip, strict=True)]
        for clip in zip(ours, ideal, strict=True)
    ]
    lines = ["| | " + " | ".join(f"{5 * part} to {5 * part + 5} s" for part in range(PARTS)) + " |"]
    lines.append("|---" * (PARTS + 1) + "|")
    for name in LASTING:
        counted = [[parts[i][name] for parts in fair if name in parts[i]] for i in range(PARTS)]
        lines.append(f"| {name} | {' | '.join(f'{format_percent(some)} of {len(some)}' for some in counted)} |")
    held = format_percent(all(all(part.values()) for part in parts) for parts in fair)
    return "\n".join(
        (*lines, "", f"Counted where a drawn clip can be judged. All right from beginning to end: {held}.")
    )


def _checks_by_part(question: EvaluationPrompt, film: ByteArray) -> list[dict[str, bool]]:
    """What is right in each part. What grows does so ever more slowly: after five seconds it may seem to stand
    still.
    """
    found = []
    for number, part in enumerate(np.split(film, PARTS)):
        trial = judge_prompt(question, part)
        right = {name: SINGLE[name](trial.scene, trial.verdict) for name in LASTING}
        settled = number > 0 and trial.scene.motion == "growing" and trial.verdict.motion == "still"
        found.append(right | {"motion": right["motion"] or settled})
    return found


# --- the autoencoder alone ------------------------------------------------------------------------------


def report_autoencoder(folder: Path, asked: Sequence[EvaluationPrompt]) -> ReportSection:
    """Drawn clips encoded and decoded: what no transformer can better. `folder` holds weights, or is where
    training keeps its state.
    """
    training = (folder / "vae.pt").exists()
    coder = train_vae.load_vae(folder) if training else AutoencoderKLLTXVideo.from_pretrained(folder / "vae")
    trials, decibels = [], []
    for question in asked:
        clip = render_clip(question.scene)
        frames, thing = reconstruct_frames(coder, clip.frames), clip.mask > 0.5
        some = (np.s_[:], thing, np.s_[:1])
        decibels.append([peak_snr(frames[part], clip.frames[part]) for part in some])
        trials.append(judge_prompt(question, frames[:FRAMES]))
    ceiling = ground_truth_trials(asked)
    whole, things, first = np.mean(decibels, axis=0)
    spoken = f"PSNR {whole:.1f} dB, of things {things:.1f} dB, of frame 0 {first:.1f} dB"
    tables = (
        scores.accuracy_table(trials, ceiling),
        scores.motion_table(trials, ceiling),
        scores.image_quality_table(trials, ceiling),
    )
    return ReportSection(trials, "\n\n".join((*tables, spoken)))


@torch.inference_mode()
def reconstruct_frames(coder: AutoencoderKLLTXVideo, frames: ByteArray) -> ByteArray:
    """Frames, uint8 (8 k + 1, height, width, 3), through an autoencoder and back."""
    video = to_video(frames)[None].to(coder.dtype)
    back = coder.decode(coder.encode(video).latent_dist.mode()).sample[0].permute(1, 2, 3, 0)
    pixels: ByteArray = (back.float().clamp(-1, 1) * 127.5 + 128).byte().numpy()
    return pixels


# --- command --------------------------------------------------------------------------------------------


def main() -> None:
    options = _parse_options()
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    shown: list[Trial] = []
    for title, section in _report_sections(options):
        print(f"## {title}\n\n{section.text}\n", flush=True)
        shown += section.trials[: options.rows]
        if options.sheet:
            scores.contact_sheet(shown, options.sheet)


def _report_sections(wanted: argparse.Namespace) -> Iterator[tuple[str, ReportSection]]:
    """Each section as soon as it is there."""
    asked = held_out_prompts(wanted.count, wanted.seed)
    if wanted.vae:
        yield "Drawn clips through the autoencoder", report_autoencoder(wanted.weights or WEIGHTS, asked)
        return
    weights = {DEFAULT_MODEL: str(wanted.weights)} if wanted.weights else {}
    studio = ClipGenerator(Engine(EngineConfig(weights=weights, threads=wanted.threads)), wanted.size, wanted.quality)
    yield "One thing", (main_section := report_single(studio, asked))
    few = asked[: max(8, len(asked) // 6)]
    if wanted.turbo:
        yield "Full and turbo", report_turbo(main_section.trials, studio, asked)
    if wanted.pairs:
        some = held_out_prompts(max(8, len(asked) // 3), wanted.seed, pair=True)
        yield "Two things", report_pairs(replace(studio, seconds=0.0, clips=0), some)
    if wanted.given:
        yield "Given frames", report_conditioned(replace(studio, size=NATIVE), few)
    if wanted.long:
        yield "Twenty seconds", report_long_clips(replace(studio, size=NATIVE), few)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder of weights, default the bundled ones")
    parser.add_argument("--count", type=int, default=72, help="clips of the main table; other sections take fewer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=_parse_size, default=NATIVE, help="of the file, such as 320x192")
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


def _parse_size(text: str) -> Size:
    width, height = text.split("x")
    return Size(int(width), int(height))


if __name__ == "__main__":
    main()
