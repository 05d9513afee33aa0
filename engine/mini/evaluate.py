"""Generates clips of combinations that training never saw and scores them: `python -m engine.mini.evaluate`.

Prompts are held-out combinations in held-out wordings, in English and French. Beside each figure stands the judge's own
ceiling, on drawn clips of the same scenes; beside the main ones also chance, the same verdicts against other prompts.
The main table is always printed, other sections by option.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

from engine.catalog.model import Size
from engine.catalog.registry import DEFAULT_MODEL
from engine.media.output_file import check_target
from engine.mini.dataset.scenes import SECONDS
from engine.mini.evaluation import scores
from engine.mini.evaluation.autoencoder import (
    Autoencoder,
    load_autoencoder,
    reconstruct_scene,
    summarise_decibels,
)
from engine.mini.evaluation.quality_table import quality_table
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
    """Clips for the contact sheet, and the text to print."""

    trials: list[Trial]
    text: str


def report_single(generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """One thing: the main table, by motion, by language, and the quality of the images."""
    trials, ceiling = generated_trials(generator, prompts), ground_truth_trials(prompts, generator.size)
    tables = (
        scores.accuracy_table(trials, ceiling),
        scores.motion_table(trials, ceiling),
        scores.language_table(trials),
    )
    return ReportSection(trials, "\n\n".join((*tables, quality_table(trials, ceiling), generator.pace_summary)))


def report_pairs(generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """Two things that move alike."""
    trials = generated_trials(generator, prompts)
    table = scores.accuracy_table(trials, ground_truth_trials(prompts, generator.size), PAIR)
    return ReportSection(trials, f"{table}\n\n{generator.pace_summary}")


def report_turbo(full: Sequence[Trial], generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """Turbo beside full quality, with the same prompts and seeds."""
    fast = replace(generator, quality="turbo", seconds=0.0, clips=0)
    trials = generated_trials(fast, prompts)
    return ReportSection(
        trials,
        f"{scores.side_by_side({'full': full, 'turbo': trials})}\n\n{generator.pace_summary}; {fast.pace_summary}",
    )


# --- given frames ---------------------------------------------------------------------------------------


def report_conditioned(generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """Drawn frames as conditions: how exactly they are reproduced, and whether the rest follows the prompt."""
    lines = [
        "| given | dB, half are better | at worst | through the codec alone | motion | colour | shape |",
        "|---" * 7 + "|",
    ]
    ground_truths = [ground_truth(prompt, generator.size) for prompt in prompts]
    shown: list[Trial] = []
    for name, places in GIVEN.items():
        trials = [
            _conditioned_trial(generator, prompt, truth, places, seed)
            for seed, (prompt, truth) in enumerate(zip(prompts, ground_truths, strict=True))
        ]
        ours = [_worst_psnr(t.frames, truth, places) for t, truth in zip(trials, ground_truths, strict=True)]
        codec = [_worst_psnr(through_codec(truth), truth, places) for truth in ground_truths]
        figures = [f"{np.median(ours):.1f}", f"{min(ours):.1f}", f"{np.median(codec):.1f}"]
        figures += [scores.accuracy_share(trials, SINGLE[check]) for check in ("motion", "colour", "shape")]
        lines.append(f"| {name} | {' | '.join(figures)} |")
        shown += trials[:PARTS]
    return ReportSection(shown, "\n".join(lines))


def _conditioned_trial(
    generator: ClipGenerator, prompt: EvaluationPrompt, truth: ByteArray, places: tuple[int, ...], seed: int
) -> Trial:
    conditions = [image_condition(truth, place) for place in places]
    return judge_prompt(prompt, generator.generate(prompt.prompt, seed, conditions=conditions))


def _worst_psnr(ours: ByteArray, truth: ByteArray, places: tuple[int, ...]) -> float:
    return min(peak_snr(ours[place], truth[place]) for place in places)


# --- length ---------------------------------------------------------------------------------------------


def report_long_clips(generator: ClipGenerator, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """Twenty seconds, judged in parts of five: whether thing, scenery and motion last."""
    clips = [generator.generate(prompt.prompt, seed, length=PARTS * SECONDS) for seed, prompt in enumerate(prompts)]
    ground_truths = [ground_truth(prompt, generator.size, PARTS * FRAMES) for prompt in prompts]
    wholes, ideals = (
        [judge_prompt(prompt, f) for prompt, f in zip(prompts, some, strict=True)] for some in (clips, ground_truths)
    )
    jumps = [[t.verdict.jump for t in some] for some in (wholes, ideals)]
    spoken = (
        "Most that scenery changes between two frames, levels: {:.1f}, at worst {:.1f}; drawn clips {:.1f}, {:.1f}."
    )
    figures = [figure(some) for some in jumps for figure in (np.median, max)]
    return ReportSection(wholes, f"{_accuracy_over_time(prompts, clips, ground_truths)}\n\n{spoken.format(*figures)}")


def _accuracy_over_time(
    prompts: Sequence[EvaluationPrompt], clips: Sequence[ByteArray], ground_truths: Sequence[ByteArray]
) -> str:
    """The share right of each part. A thing that leaves at one edge and returns at the other is out of sight for a
    while, so only parts in which the drawn clip can be judged count.
    """
    ours, ideal = (
        [_checks_by_part(prompt, clip) for prompt, clip in zip(prompts, some, strict=True)]
        for some in (clips, ground_truths)
    )
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


def _checks_by_part(prompt: EvaluationPrompt, clip: ByteArray) -> list[dict[str, bool]]:
    """The checks that hold in each part. Growth slows down: after five seconds a growing thing may be judged still."""
    found = []
    for number, part in enumerate(np.split(clip, PARTS)):
        trial = judge_prompt(prompt, part)
        right = {name: SINGLE[name](trial.scene, trial.verdict) for name in LASTING}
        settled = number > 0 and trial.scene.motion == "growing" and trial.verdict.motion == "still"
        found.append(right | {"motion": right["motion"] or settled})
    return found


# --- the autoencoder alone ------------------------------------------------------------------------------


def report_autoencoder(coder: Autoencoder, prompts: Sequence[EvaluationPrompt]) -> ReportSection:
    """Drawn clips encoded and decoded, beside the same clips drawn."""
    results = [reconstruct_scene(coder, prompt) for prompt in prompts]
    trials, ceiling = [result.trial for result in results], [result.drawn for result in results]
    tables = (scores.accuracy_table(trials, ceiling), scores.motion_table(trials, ceiling))
    return ReportSection(trials, "\n\n".join((*tables, quality_table(trials, ceiling), summarise_decibels(results))))


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


def _report_sections(options: argparse.Namespace) -> Iterator[tuple[str, ReportSection]]:
    """Each section as soon as it is complete."""
    prompts = held_out_prompts(options.count, options.seed)
    if options.vae:
        yield (
            "Drawn clips through the autoencoder",
            report_autoencoder(load_autoencoder(options.weights or WEIGHTS, options.fps), prompts),
        )
        return
    weights = {DEFAULT_MODEL: str(options.weights)} if options.weights else {}
    generator = ClipGenerator(
        Engine(EngineConfig(weights=weights, threads=options.threads)), options.size, options.quality
    )
    yield "One thing", (main_section := report_single(generator, prompts))
    few = prompts[: max(8, len(prompts) // 6)]
    if options.turbo:
        yield "Full and turbo", report_turbo(main_section.trials, generator, prompts)
    if options.pairs:
        some = held_out_prompts(max(8, len(prompts) // 3), options.seed, pair=True)
        yield "Two things", report_pairs(replace(generator, seconds=0.0, clips=0), some)
    if options.given:
        yield "Given frames", report_conditioned(replace(generator, size=NATIVE), few)
    if options.long:
        yield "Twenty seconds", report_long_clips(replace(generator, size=NATIVE), few)


def _parse_target(text: str) -> Path:
    try:
        check_target(Path(text))
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="folder of weights, default the bundled ones")
    parser.add_argument("--count", type=int, default=72, help="clips of the main table; other sections take fewer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=_parse_size, default=NATIVE, help="of the file, such as 320x192")
    parser.add_argument("--quality", choices=("turbo", "full"), default="full")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sheet", type=_parse_target, help="PNG file for the first clips of each section")
    parser.add_argument("--rows", type=int, default=12, help="clips of a section on the contact sheet")
    parser.add_argument("--vae", action="store_true", help="nothing but drawn clips through the autoencoder")
    parser.add_argument("--fps", type=int, help="frame rate of the clips for --vae (default: as it was trained)")
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
