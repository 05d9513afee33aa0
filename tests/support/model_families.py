"""A model of every family that runs in a pipeline of diffusers, as tiny random weights of its real classes, and small
clips of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from engine.catalog.model import Size
from engine.catalog.registry import find_model
from engine.diffusion.diffusers_family import DiffusersSampler
from engine.diffusion.latents import ClipState
from engine.diffusion.schedule import resolve_sampling
from engine.loading.loader import Modules
from engine.planning.plan import ClipPlan, DecodeSpan
from engine.planning.timeline import plan_clip
from engine.types import ImageCondition, Request
from tests.support.cancels import never_cancelled

KINDS = {
    "wan2.1-t2v-1.3b": "wan_text",
    "wan2.2-t2v-a14b": "wan_two",
    "wan2.2-ti2v-5b": "wan_small",
    "wan2.1-i2v-14b-480p": "wan_picture",
    "wan2.1-flf2v-14b-720p": "wan_between",
    "wan2.2-i2v-a14b": "wan_ends",
    "ltx-2": "ltx2",
    "ltx-2.5": "ltx25",
    "z-image-turbo": "z_image",
}
"""A model of each kind of folder, and that folder."""
IMAGE_MODELS = [name for name in KINDS if find_model(name).image_positions != "none"]
STEPS = 3
SIZE = Size(64, 64)
"""Small enough to be quick; the models' own sizes are for the whole engine below."""


def encode_image(color: str, size: Size = SIZE) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def make_request(name: str, **changes: Any) -> Request:
    """A second by this model, with the pictures that it cannot do without."""
    model = find_model(name)
    given = tuple(ImageCondition(encode_image("white"), frame) for frame in model.required_images)
    plain = Request(name, "a red ball", 256, 256, float(model.makes_videos), 7, conditions=given, steps=STEPS)
    return replace(plain, **changes)


def small_plan(request: Request) -> ClipPlan:
    return replace(plan_clip(request), size=SIZE, native=SIZE)


def new_sampler(modules: Modules, request: Request) -> tuple[DiffusersSampler, ClipState]:
    cut = ClipState.empty(small_plan(request))
    made = DiffusersSampler(modules, cut, request, resolve_sampling(cut.plan.model, request, ()))
    made.encode_prompts()
    return made, cut


def render_frames(modules: Modules, request: Request, cancelled: Callable[[], bool] = never_cancelled) -> torch.Tensor:
    """All frames of the clip [F, 3, h, w]."""
    made, cut = new_sampler(modules, request)
    (window,) = cut.plan.windows
    assert list(made.denoise_window(window, cancelled)) == list(range(1, STEPS + 1))
    return torch.cat([made.decode_span(step) for step in cut.plan.steps if isinstance(step, DecodeSpan)])
