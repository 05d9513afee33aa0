from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.catalog.model import Sampling
from engine.diffusion import ltx
from engine.diffusion.conditioning import predicted_latent, prepare_tokens
from engine.diffusion.latents import ClipState
from engine.diffusion.ltx import LtxSampler
from engine.loading.loader import Modules
from engine.planning.plan import Window
from engine.planning.timeline import plan_clip
from engine.runtime.engine import Engine
from engine.runtime.preview import PreviewPolicy, Previews
from engine.runtime.progress import StageRates
from engine.types import EngineConfig, EngineError, Event, PreviewFrame, Progress, Request, Segment
from tests.support.preview_policies import ALWAYS

LONG = Request("kinora-mini", "a red ball", width=640, height=384, seconds=6, seed=7, steps=8)


@pytest.fixture(scope="module")
def engine(config: EngineConfig) -> Engine:
    return Engine(config, preview_policy=ALWAYS)


def events(engine: Engine, request: Request, folder: Path) -> list[Event]:
    return list(engine.run(request, folder, lambda: False))


def test_a_window_is_seen_twice_before_it_can_be_watched(engine: Engine, tmp_path: Path) -> None:
    made = events(engine, LONG, tmp_path)
    looks = [event for event in made if isinstance(event, PreviewFrame)]
    windows = plan_clip(LONG).windows
    assert len(looks) == 2 * len(windows)
    assert looks[0].seconds == 0
    assert [look.seconds for look in looks] == sorted(look.seconds for look in looks)
    assert made.index(looks[0]) < next(made.index(event) for event in made if isinstance(event, Segment))
    steps = [made[made.index(look) - 1] for look in looks[:2]]
    assert [step.step for step in steps if isinstance(step, Progress)] == [2, 5]
    for look in looks:
        with Image.open(look.file) as image:
            assert (image.format, image.size) == ("JPEG", (320, 192))


def test_looks_change_nothing(engine: Engine, config: EngineConfig, tmp_path: Path) -> None:
    request = replace(LONG, width=160, height=96, steps=4)
    assert [event for event in events(engine, request, tmp_path / "seen") if isinstance(event, PreviewFrame)]
    blind = Engine(config, preview_policy=PreviewPolicy(moments=()))
    assert not [event for event in events(blind, request, tmp_path / "unseen") if isinstance(event, PreviewFrame)]
    seen, unseen = ((tmp_path / name / "video.mp4").read_bytes() for name in ("seen", "unseen"))
    assert seen == unseen


def test_guesses_come_nearer_and_the_last_one_is_what_was_made(modules: Modules) -> None:
    made, how = plan_clip(LONG), Sampling(steps=6, guidance_scale=1.0)
    window = made.windows[0]
    tokens = prepare_tokens(modules, ClipState.empty(made), window)
    text = ltx.encode_prompts(modules, made, "", how)
    steps = ltx.denoise_tokens(modules, made, how, text, tokens, window.seed, lambda: False)
    guesses = [predicted_latent(modules, made, window, tokens, 0) for _ in steps]
    final = predicted_latent(modules, made, window, replace(tokens, prediction=None), 0)
    off = [float((guess - final).abs().mean()) for guess in guesses]
    assert off[-1] == pytest.approx(0, abs=1e-5)
    assert off[0] > 2 * off[-2] > 0


def test_a_preview_of_invalid_frames_ends_the_job(config: EngineConfig, tmp_path: Path) -> None:
    engine = Engine(config, preview_policy=ALWAYS)
    events(engine, replace(LONG, seconds=1, steps=1), tmp_path / "good")
    assert engine._loaded_model is not None
    engine._loaded_model[1].vae.decoder.conv_out.conv.bias.data.fill_(float("nan"))
    with pytest.raises(EngineError) as caught:
        events(engine, LONG, tmp_path / "bad")
    assert caught.value.code == "bad_frames"
    assert list((tmp_path / "bad").iterdir()) == []


def test_a_full_disk_is_named_as_it_is_for_a_video(modules: Modules, tmp_path: Path) -> None:
    """An error without a name would end the engine's process."""
    made = plan_clip(LONG)
    cut, window = ClipState.empty(made), made.windows[0]
    recipe = LtxSampler(modules, cut, LONG, Sampling(steps=1, guidance_scale=1.0))
    recipe.encode_prompts()
    recipe.prepare_window(window)
    list(recipe.denoise_window(window, lambda: False))
    (tmp_path / "preview-0000.part").symlink_to("/dev/full")
    with pytest.raises(EngineError) as caught:
        Previews(made, StageRates(), (), tmp_path).take_preview(recipe, window)
    assert caught.value.code == "disk_full"


def looks(rates: StageRates, *, step_seconds: float, work: float, steps: int = 20) -> list[int]:
    """After which steps of its first window a clip is looked at."""
    made = plan_clip(LONG)
    previews = Previews(made, rates, (), Path("nowhere"))
    window: Window = made.windows[0]
    found = []
    for step in range(1, steps + 1):
        if previews.is_due(window, step, steps, step * step_seconds, work):
            previews._window_previews += 1
            found.append(step)
    return found


def test_looks_are_taken_where_they_are_worth_their_time() -> None:
    rates = StageRates()
    assert looks(rates, step_seconds=1.0, work=30) == [4, 11]
    rates.preview_rates.append(9)
    assert looks(rates, step_seconds=1.0, work=30) == [4, 11], "the first may have waited for a device"
    assert looks(rates, step_seconds=0.1, work=3) == [], "the window itself comes soon"
    assert looks(rates, step_seconds=0.14, work=30) == [4], "by the second moment it does"


def test_all_looks_at_a_window_stay_within_their_share_of_its_work() -> None:
    rates, pixels = StageRates(), 160 * 96
    for seconds, expected in ((0.4, [4, 11]), (0.5, [4]), (0.95, [])):
        rates.preview_rates.extend([seconds / pixels, 9 * seconds / pixels])
        assert looks(rates, step_seconds=1.0, work=30) == expected
        rates.preview_rates.clear()
