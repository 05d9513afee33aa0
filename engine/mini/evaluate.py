"""Ask the engine for clips of what training never saw, and count what they show: `python -m engine.mini.evaluate`.

Prompts are held-out combinations in held-out wordings, in English and French. Beside each figure stand the
judge's own ceiling (drawn clips of the same scenes) and chance (the same verdicts against other prompts).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from PIL import Image

from engine.catalog import DEFAULT
from engine.generate import Engine
from engine.mini import captions, world
from engine.mini.judge import Verdict, judge
from engine.types import Done, EngineConfig, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.types import Quality

ASPECTS: Final = ("thing", "colour", "motion", "place", "time")
SHOWN: Final = 6  # frames of a clip on the contact sheet


@dataclass(frozen=True, slots=True)
class Trial:
    """A scene, the sentence that asked for it, the frames that came, and what the judge saw in them."""

    scene: world.Scene
    prompt: str
    frames: world.Bytes
    verdict: Verdict

    def right(self, aspect: str) -> bool:
        return bool(getattr(self.verdict, aspect) == getattr(self.scene, aspect))


def questions(count: int, seed: int) -> list[tuple[world.Scene, str]]:
    """Held-out scenes and sentences; motions and colours come round evenly, languages by turns."""
    rng = np.random.default_rng([seed, 2])
    asked: list[tuple[world.Scene, str]] = []
    while len(asked) < count:
        scene = world.random_scene(rng, held_out=True)
        if scene.motion == world.MOTIONS[len(asked) % 8] and scene.colour == world.COLOURS[len(asked) // 2 % 9]:
            language: captions.Language = "en" if len(asked) // 8 % 2 == 0 else "fr"
            asked.append((scene, captions.caption(scene, rng, language=language, held_out=True)[0]))
    return asked


def film(engine: Engine, request: Request) -> world.Bytes:
    """The frames (frames, height, width, 3) of the file that the engine makes for a request."""
    with tempfile.TemporaryDirectory() as folder:
        for event in engine.run(request, Path(folder), lambda: False):
            if isinstance(event, Done):
                with av.open(str(event.result.video)) as file:
                    return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    raise AssertionError("the engine ended without a clip")


def generated(engine: Engine, asked: Sequence[tuple[world.Scene, str]], quality: Quality) -> list[Trial]:
    trials = []
    for number, (scene, prompt) in enumerate(asked):
        request = Request(DEFAULT, prompt, 160, 96, world.SECONDS, seed=number, quality=quality)
        frames = film(engine, request)
        trials.append(Trial(scene, prompt, frames, judge(frames)))
    return trials


def drawn(asked: Sequence[tuple[world.Scene, str]]) -> list[Trial]:
    trials = []
    for scene, prompt in asked:
        frames = world.draw(scene, frames=40).frames
        trials.append(Trial(scene, prompt, frames, judge(frames)))
    return trials


def table(trials: list[Trial], ceiling: list[Trial]) -> str:
    """Shares of right verdicts, one row per aspect and one per motion, as Markdown."""
    lines = ["| | right | drawn clips | chance |", "|---|---|---|---|"]
    lines += [
        f"| {aspect} | {_share(trials, aspect)} | {_share(ceiling, aspect)} | {_chance(trials, aspect)} |"
        for aspect in ASPECTS
    ]
    for name in world.MOTIONS:
        ours, theirs = ([t for t in some if t.scene.motion == name] for some in (trials, ceiling))
        lines.append(f"| motion: {name} | {_share(ours, 'motion')} | {_share(theirs, 'motion')} | |")
    for language, parity in (("English", 0), ("French", 1)):
        rows = [t for number, t in enumerate(trials) if number // 8 % 2 == parity]
        shares = ", ".join(f"{aspect} {_share(rows, aspect)}" for aspect in ASPECTS)
        lines.append(f"| {language} | {shares} | | |")
    still = [float(np.median([t.verdict.flicker for t in some])) for some in (trials, ceiling)]
    lines.append(f"| flicker, levels of 255 | {still[0]:.2f} | {still[1]:.2f} | |")
    return "\n".join(lines)


def _share(trials: list[Trial], aspect: str) -> str:
    return f"{np.mean([trial.right(aspect) for trial in trials]):.0%}" if trials else "-"


def _chance(trials: list[Trial], aspect: str) -> str:
    """The same clips held against every other prompt."""
    seen = [getattr(trial.verdict, aspect) for trial in trials]
    wanted = [getattr(trial.scene, aspect) for trial in trials]
    hits = [a == b for i, a in enumerate(seen) for j, b in enumerate(wanted) if i != j]
    return f"{np.mean(hits):.0%}"


def contact_sheet(trials: Sequence[Trial], file: Path) -> None:
    """One row of frames per clip, in the order of the trials."""
    rows = [
        np.concatenate(list(t.frames[np.linspace(0, len(t.frames) - 1, SHOWN).round().astype(int)]), axis=1)
        for t in trials
    ]
    Image.fromarray(np.concatenate(rows)).save(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of weights, default the bundled ones")
    parser.add_argument("--count", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quality", choices=("turbo", "full"), default="full")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="PNG file for a contact sheet of the first clips")
    options = parser.parse_args()
    weights = {DEFAULT: str(options.weights)} if options.weights else {}
    engine = Engine(EngineConfig(weights=weights, threads=options.threads))
    asked = questions(options.count, options.seed)
    began = time.monotonic()
    trials = generated(engine, asked, options.quality)
    seconds = (time.monotonic() - began) / len(trials)
    print(table(trials, drawn(asked)))
    print(f"\n{len(trials)} clips of {world.SECONDS:g} s, {seconds:.1f} s each")
    if options.sheet:
        contact_sheet(trials[:12], options.sheet)
    for trial in trials[:12]:
        print(f"- {trial.prompt} -> {trial.verdict}")


if __name__ == "__main__":
    main()
