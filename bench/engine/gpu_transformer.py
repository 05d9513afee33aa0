"""A transformer of LTX-Video 2B's real shape on a graphics card, with random weights, since speed does not depend on
them: seconds of video per second, and how much of the card that uses.

Operations are counted by formula: matrix products alone, two for each multiplication with its addition. One pass over
one clip of S tokens of video, T of words, at a width of D, with c channels of latents and C of words, takes

    layers × (8 S D² + 4 S² D             queries, keys, values and out; S looks at S
              + 4 S D² + 4 T D² + 4 S T D   the same; S looks at T
              + 16 S D²)                    the block behind, four times as wide
    + 4 S c D + 2 T (C D + D²)              in and out; words
    + 2 S (256 D + 7 D²)                    noise levels, of which each token has its own, as in the engine
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from diffusers import LTXVideoTransformer3DModel

from bench.engine.isolated_process import run_isolated
from bench.report import Row, format_figure, format_percent, format_ratio
from engine.catalog.registry import find_model

REAL: Final[Mapping[str, int]] = {
    "in_channels": 128,
    "out_channels": 128,
    "num_attention_heads": 32,
    "attention_head_dim": 64,
    "cross_attention_dim": 2048,
    "num_layers": 28,
    "caption_channels": 4096,
}
"""The transformer/config.json of Lightricks/LTX-Video, as far as it sets sizes."""
PEAKS: Final = {"H100 PCIe": 756, "H100": 989, "H200": 989, "A100": 312, "L40S": 362, "L4": 121, "4090": 165}
"""Dense bfloat16 by the makers' data sheets, in 10¹² operations per second; the first name that fits counts."""
MODEL: Final = find_model("ltx-video-2b-0.9.5")
TERA: Final = 1e12


@dataclass(frozen=True, slots=True)
class TransformerInput:
    """What the transformer sees: latents in time, down and across, and words; `seconds` of video come of it."""

    latents: int
    height: int
    width: int
    words: int
    seconds: float

    @property
    def tokens(self) -> int:
        """Tokens of video."""
        return self.latents * self.height * self.width


@dataclass(frozen=True, slots=True)
class BenchDevice:
    """Where it runs. `side` is that of the square matrices whose product shows what the card can do at best."""

    device: torch.device
    dtype: torch.dtype
    side: int
    turns: int


def leave_uncompiled(model: Any) -> Any:
    return model


def compile_blocks(model: Any, **options: Any) -> Any:
    """The same model with its block compiled, once for all layers and for each shape."""
    model.compile_repeated_blocks(fullgraph=True, dynamic=False, **options)
    return model


SPEEDS: Final[Mapping[str, Callable[[Any], Any]]] = {"as it is": leave_uncompiled, "compiled": compile_blocks}
WINDOW: Final = TransformerInput(
    latents=16, height=512 // 32, width=768 // 32, words=MODEL.max_prompt_tokens, seconds=121 / 24
)


async def measure_gpu_transformer() -> list[Row]:
    """In a process of its own; without a card, a row that says so."""
    if not torch.cuda.is_available():
        return [Row("LTX-Video 2B's transformer on a card", "not measured", "torch finds no CUDA here")]
    return await run_isolated(measure_first_gpu)


def measure_first_gpu() -> list[Row]:
    """All rows, on the first card."""
    place = BenchDevice(torch.device("cuda"), torch.bfloat16, side=8192, turns=10)
    named = torch.cuda.get_device_name()
    peak = next((tera for name, tera in PEAKS.items() if name in named), None)
    return [Row("the card", named), *measure_transformer(REAL, WINDOW, place, SPEEDS, peak)]


def measure_transformer(
    shape: Mapping[str, int],
    window: TransformerInput,
    place: BenchDevice,
    speeds: Mapping[str, Callable[[Any], Any]],
    peak: float | None,
) -> list[Row]:
    """The rows for a transformer of any shape. `peak` is the data sheet's, where there is one."""
    product = 2 * place.side**3 / average_seconds(_matrix_product(place), place) / TERA
    with place.device:
        model = LTXVideoTransformer3DModel(**shape).to(place.dtype).eval()
    rows = [
        Row(f"a product of matrices of {place.side}, TFLOP/s", format_figure(product), **_peak_columns(product, peak))
    ]
    for name, faster in speeds.items():
        made = faster(model)
        for prompts in (2, 1):
            took = average_seconds(partial(run_forward, made, random_inputs(shape, window, place, prompts)), place)
            pace = prompts * count_operations(shape, window) / took / TERA
            rows += _step_rows(f"{name}, {_guidance_label(prompts)}", window, took, prompts)
            rows.append(
                Row(
                    "… TFLOP/s",
                    format_figure(pace),
                    f"{format_figure(product)} of a product",
                    format_ratio(pace, product),
                )
            )
            rows += [Row("… share of the data sheet's bf16 peak", format_percent(pace / peak))] if peak else []
    return rows


def count_operations(shape: Mapping[str, int], window: TransformerInput) -> int:
    """By the formula above, for one pass over one prompt."""
    s, t = window.tokens, window.words
    d = shape["num_attention_heads"] * shape["attention_head_dim"]
    layer = 28 * s * d * d + 4 * s * s * d + 4 * t * d * d + 4 * s * t * d
    ends = 4 * s * shape["in_channels"] * d + 2 * t * (shape["caption_channels"] * d + d * d)
    return shape["num_layers"] * layer + ends + 2 * s * (256 * d + 7 * d * d)


def random_inputs(
    shape: Mapping[str, int], window: TransformerInput, place: BenchDevice, prompts: int
) -> dict[str, torch.Tensor]:
    """What the engine gives it in one step: with guidance there are two `prompts`."""
    with place.device:
        return {
            "hidden_states": torch.randn(prompts, window.tokens, shape["in_channels"], dtype=place.dtype),
            "encoder_hidden_states": torch.randn(prompts, window.words, shape["caption_channels"], dtype=place.dtype),
            "encoder_attention_mask": torch.ones(prompts, window.words, dtype=torch.bool),
            "timestep": torch.full((prompts, window.tokens), 500.0),
            "video_coords": torch.rand(prompts, 3, window.tokens),
        }


@torch.inference_mode()
def run_forward(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """One pass."""
    predicted: torch.Tensor = model(**inputs, return_dict=False)[0]
    return predicted


def average_seconds(work: Callable[[], Any], place: BenchDevice) -> float:
    """What once takes on average, after three times that do not count: they compile and warm up."""
    for _ in range(3):
        work()
    _synchronize(place.device)
    began = time.perf_counter()
    for _ in range(place.turns):
        work()
    _synchronize(place.device)
    return (time.perf_counter() - began) / place.turns


def _matrix_product(place: BenchDevice) -> Callable[[], torch.Tensor]:
    one, other = (torch.randn(place.side, place.side, device=place.device, dtype=place.dtype) for _ in range(2))
    return lambda: one @ other


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _guidance_label(prompts: int) -> str:
    return "guided" if prompts > 1 else "unguided"


def _peak_columns(product: float, peak: float | None) -> dict[str, str]:
    return {"peer": f"{format_figure(peak)} data sheet", "ratio": format_ratio(product, peak)} if peak else {}


def _step_rows(name: str, window: TransformerInput, took: float, prompts: int) -> list[Row]:
    """A step, and what of video that is each second at the steps of the catalog's qualities."""
    rows = [Row(f"{name}: ms for a step of {window.seconds:.3g} s of video", format_figure(took * 1000))]
    for quality, how in MODEL.sampling.items():
        if (how.guidance_scale > 1) == (prompts > 1):
            rows.append(
                Row(
                    f"… s of video per second, {how.steps} steps ({quality})",
                    format_figure(window.seconds / took / how.steps),
                )
            )
    if prompts == 1:
        rows.append(Row("… s of video per second, 8 steps (distilled)", format_figure(window.seconds / took / 8)))
    return rows
