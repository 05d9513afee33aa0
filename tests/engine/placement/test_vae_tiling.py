"""Tiles: when they are chosen, that each family's autoencoder works in them, and the second try where whole frames find
no room. The error is torch's own.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import VQModel

from engine.catalog.model import Size
from engine.catalog.registry import find_model
from engine.diffusion.diffusers_family import DiffusersSampler
from engine.diffusion.latents import ClipState
from engine.diffusion.schedule import resolve_sampling
from engine.loading.loader import Modules
from engine.placement import vae_tiling
from engine.placement.policy import Tiling
from engine.planning.plan import DecodeSpan
from engine.planning.timeline import plan_clip
from engine.testing import tiny_diffusers
from engine.types import EngineConfig, EngineError, Request
from tests.support.engine_modules import read_modules

KINDS = {"wan2.1-t2v-1.3b": "wan_text", "wan2.2-ti2v-5b": "wan_small", "ltx-2": "ltx2", "z-image-turbo": "z_image"}
"""A model with each class of autoencoder, and of Wan with each of its two kinds."""
WAN = [name for name in KINDS if find_model(name).family == "wan"]
SIZES = {"ltx-2": (Size(128, 192), 160, 96)}
"""Of frames, of a tile's sides, and from one tile to the next: here so that a last one would be a latent wide."""
OTHERS = Size(96, 64), 64, 32


@pytest.fixture(scope="module")
def tiles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiles")


@pytest.fixture(params=KINDS)
def modules(request: pytest.FixtureRequest, tiles_folder: Path) -> Modules:
    return read(request.param, tiles_folder)


def read(name: str, folder: Path, tiling: str = "auto") -> Modules:
    if not (at := folder / KINDS[name]).is_dir():
        tiny_diffusers.write_model(KINDS[name], at)
    config = EngineConfig(weights={name: str(at)}, device="cpu", tiling=tiling)
    modules = read_modules(name, config)
    small(modules.vae, *SIZES.get(name, OTHERS)[1:])
    return modules


def small(vae: Any, side: int, stride: int) -> None:
    """Tiles smaller than the test's frames, which are smaller than the class's own."""
    if hasattr(vae, "tile_sample_min_size"):
        vae.tile_sample_min_size, vae.tile_latent_min_size = side, side // 8
    else:
        vae.tile_sample_min_height = vae.tile_sample_min_width = side
        vae.tile_sample_stride_height = vae.tile_sample_stride_width = stride


def wanting(modules: Modules, tiling: Tiling) -> Modules:
    return replace(modules, placement=replace(modules.placement, tiling=tiling))


def recipe(modules: Modules) -> tuple[DiffusersSampler, ClipState]:
    """A clip of this model with latents that nobody denoised, read and ready to be decoded."""
    (name,) = (name for name in KINDS if Path(modules.vae.config._name_or_path).parent.name == KINDS[name])
    request = Request(name, "a red ball", 256, 256, float(find_model(name).makes_videos), 7, steps=1)
    size = SIZES.get(name, OTHERS)[0]
    cut = ClipState.empty(replace(plan_clip(request), size=size, native=size))
    made = DiffusersSampler(modules, cut, request, resolve_sampling(cut.plan.model, request, ()))
    made.encode_prompts()
    spatial, (window,) = modules.spatial_compression, cut.plan.windows
    channels = modules.vae.config.get("z_dim") or modules.vae.config.latent_channels
    shape = 1, channels, 1, size.height // spatial, size.width // spatial
    torch.manual_seed(1)
    cut.latents[0].update({number: torch.randn(shape) for number in range(window.latents)})
    return made, cut


def film(modules: Modules) -> torch.Tensor:
    made, cut = recipe(modules)
    return shown(made, cut)


def shown(made: DiffusersSampler, cut: ClipState) -> torch.Tensor:
    return torch.cat([made.decode_span(step) for step in cut.plan.steps if isinstance(step, DecodeSpan)])


def full(*, after: int, times: int = 1) -> Callable[..., None]:
    """Raises torch's own error from the call behind the first `after`, so many times."""
    left = iter([False] * after + [True] * times)

    def raising(*_arguments: object) -> None:
        if next(left, False):
            raise torch.OutOfMemoryError("there is no room on this device")

    return raising


def test_tiles_are_used_when_they_are_asked_for_and_come_close_to_whole_frames(modules: Modules) -> None:
    whole = film(wanting(modules, "off"))
    tiled = film(wanting(modules, "on"))
    assert modules.vae.use_tiling
    assert whole.shape == tiled.shape
    assert not torch.equal(whole, tiled)
    assert (whole - tiled).abs().mean() < 0.4 * whole.std()
    assert torch.equal(film(wanting(modules, "off")), whole), "nothing of it stays for the next clip"


def test_a_decoder_without_room_goes_on_in_tiles(modules: Modules) -> None:
    tiled = film(wanting(modules, "on"))
    hook = modules.vae.decoder.register_forward_pre_hook(full(after=0))
    assert torch.equal(film(modules), tiled)
    hook.remove()


@pytest.mark.parametrize("name", WAN)
def test_what_wan_decoded_before_there_was_no_room_stays_as_it_was_shown(name: str, tiles_folder: Path) -> None:
    modules = read(name, tiles_folder)
    tiled, whole = film(wanting(modules, "on")), film(modules)
    hook = modules.vae.decoder.register_forward_pre_hook(full(after=3))
    mixed = film(modules)
    hook.remove()
    assert torch.equal(mixed[:9], whole[:9])
    assert torch.equal(mixed[9:], tiled[9:])
    assert torch.equal(film(modules), whole), "and the next clip is decoded in whole frames again"


def test_who_wants_no_tiles_gets_none(modules: Modules) -> None:
    hook = modules.vae.decoder.register_forward_pre_hook(full(after=0))
    with pytest.raises(torch.OutOfMemoryError):
        film(wanting(modules, "off"))
    hook.remove()
    assert not modules.vae.use_tiling


def test_without_room_for_tiles_either_the_error_is_torch_s(modules: Modules) -> None:
    hook = modules.vae.decoder.register_forward_pre_hook(full(after=0, times=9))
    with pytest.raises(torch.OutOfMemoryError):
        film(modules)
    hook.remove()


@pytest.mark.parametrize(
    ("name", "size", "tiled"),
    [
        ("kinora-mini", Size(1280, 720), True),
        ("kinora-mini", Size(160, 96), False),
        ("ltx-2", Size(1280, 704), True),
        ("z-image-turbo", Size(1024, 1024), True),
        ("wan2.1-t2v-14b", Size(1280, 720), False),
    ],
)
def test_left_to_us_big_frames_are_tiled_unless_they_are_decoded_a_few_at_a_time(
    name: str, size: Size, *, tiled: bool
) -> None:
    vae = tiny_diffusers.wan_text().vae
    for left in (False, True):
        vae.use_tiling = left
        pixels, causal = size.width * size.height, find_model(name).causal_decoder
        vae_tiling.set_tiling(vae, "auto", pixels, causal_decoder=causal)
        assert vae.use_tiling is tiled


def test_what_the_first_try_held_is_free_before_the_second() -> None:
    vae = tiny_diffusers.wan_text().vae
    held: list[weakref.ref[torch.Tensor]] = []

    def decode() -> torch.Tensor:
        large = torch.zeros(1)
        if not held:
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError
        assert held[0]() is None
        return large

    gc.disable()
    try:
        assert vae_tiling.decode_or_tile(vae, "auto", decode) == 0
    finally:
        gc.enable()
    assert vae.use_tiling


def test_a_class_without_tiles_is_refused_by_name_when_they_are_wanted() -> None:
    def decode() -> torch.Tensor:
        raise torch.OutOfMemoryError

    vae = VQModel(block_out_channels=(8,), norm_num_groups=4, layers_per_block=1)
    with pytest.raises(EngineError, match="a VQModel works on whole frames only") as caught:
        vae_tiling.check_tiling(vae, "on")
    assert caught.value.code == "bad_setting"
    vae_tiling.check_tiling(vae, "auto")
    with pytest.raises(torch.OutOfMemoryError):
        vae_tiling.decode_or_tile(vae, "auto", decode)
