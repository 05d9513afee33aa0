"""The recipe for any other family: diffusers' own pipeline runs, and is watched and stopped step by step.

A pipeline does not give the floor to whoever called it before it is done, so it has a thread, which waits after each
step until it may go on. What it makes are latents; they are decoded here, stretch by stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Semaphore
from typing import Any, TypeAlias

import torch

from engine.catalog.model import Sampling
from engine.diffusion.diffusers_pipelines import Arguments, build_pipeline
from engine.diffusion.hooks import sampling_hooks
from engine.diffusion.latents import ClipState, wait_for_device
from engine.loading.loader import Modules
from engine.placement.vae_tiling import set_tiling
from engine.planning.plan import ClipPlan, DecodeSpan, Window
from engine.types import JobCancelled, Request

StepCallback: TypeAlias = Callable[[Any, int, Any, Arguments], Arguments]


class DiffusersSampler:
    """The recipe of one clip (`engine.diffusion.family.Recipe`), which is one window."""

    def __init__(self, parts: Modules, cut: ClipState, request: Request, how: Sampling) -> None:
        self._parts, self._cut, self._request, self._how = parts, cut, request, how
        self._pipeline = build_pipeline(parts, cut.plan, how, pictures=bool(request.conditions))
        self._pipeline.pipeline.set_progress_bar_config(disable=True)
        self._prompt_arguments: Arguments = {}
        self._decoding: Iterator[torch.Tensor] | None = None
        self._undelivered: list[torch.Tensor] = []
        self._delivered = 0
        self._shown_frames = _shown_frame_numbers(cut.plan)
        self.latent_shape: tuple[int, ...] | None = (
            None  # its decoders start at the beginning, of which nothing is kept
        )

    @torch.inference_mode()
    def encode_prompts(self) -> None:
        """Encode the prompt."""
        plan, tiling = self._cut.plan, self._parts.placement.tiling
        pixels = plan.native.width * plan.native.height
        set_tiling(self._parts.vae, tiling, pixels, causal_decoder=plan.model.causal_decoder)
        self._prompt_arguments = self._pipeline.encode_prompts(self._request.prompt, self._request.negative_prompt)

    def prepare_window(self, window: Window) -> None:
        """Its pipeline does that as it begins."""

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """Run the pipeline."""
        further = filter(None, [self._parts.others.get("transformer_2")])
        with sampling_hooks(self._parts.transformer, self._how, *further):
            latents = yield from _run_stepwise(lambda after_step: self._run_pipeline(window, after_step), cancelled)
        for number in range(window.latents):
            self._cut.latents[window.gap][number] = latents[:, :, number : number + 1].clone()

    def decode_preview(self, _window: Window, _number: int) -> torch.Tensor | None:
        """Each pipeline has noise levels of a kind of its own, and says nothing of what comes of them."""
        return None

    @torch.inference_mode()
    def decode_span(self, shown: DecodeSpan) -> torch.Tensor:
        """Go on decoding until all that is shown is there; what is decoded beyond it waits for the next stretch."""
        if self._decoding is None:
            strip = self._cut.latents[shown.gap]
            self._decoding = self._pipeline.decode_frames(torch.cat([strip[number] for number in sorted(strip)], dim=2))
        wanted = self._shown_frames[shown.first : shown.last + 1]
        while self._delivered + sum(map(len, self._undelivered)) <= wanted[-1]:
            self._undelivered.append(next(self._decoding))
        frames = torch.cat(self._undelivered)
        picked = frames[[number - self._delivered for number in wanted]]
        self._undelivered = [frames[wanted[-1] + 1 - self._delivered :]]
        self._delivered = wanted[-1] + 1
        wait_for_device(self._parts)
        return picked

    @torch.inference_mode()
    def _run_pipeline(self, window: Window, after_step: StepCallback) -> torch.Tensor:
        """The latents of a window [1, C, F, h, w]. However it ends, the shared modules are as they were before."""
        plan = self._cut.plan

        def wait_then_continue(*told: Any) -> Arguments:
            wait_for_device(self._parts)
            return after_step(*told)

        try:
            made: torch.Tensor = self._pipeline.pipeline(
                **self._prompt_arguments,
                **self._pipeline.call_arguments(window),
                width=plan.native.width,
                height=plan.native.height,
                num_inference_steps=self._how.steps,
                generator=torch.Generator("cpu").manual_seed(window.seed),
                output_type="latent",
                return_dict=False,
                callback_on_step_end=wait_then_continue,
                max_sequence_length=plan.model.max_prompt_tokens,
            )[0]
        finally:
            self._pipeline.pipeline.maybe_free_model_hooks()
        return made if made.ndim == 5 else made.unsqueeze(2)


def _shown_frame_numbers(plan: ClipPlan) -> Sequence[int]:
    """Which of the frames that are denoised each frame of the file shows: there may be a few more of those.

    They are left out at the end. But where the model ends on a picture that is its very last frame, so must the file:
    then they are left out at equal distances in between, and no frame comes half a frame too early or too late.
    """
    (window,) = plan.windows
    made, shown = plan.model.temporal_compression * (window.latents - 1), plan.frames - 1
    ends = plan.model.image_positions == "ends" and any(placed.frame == shown > 0 for placed in window.keyframes)
    return [(2 * number * made + shown) // (2 * shown) for number in range(plan.frames)] if ends else range(plan.frames)


def _run_stepwise(
    run: Callable[[StepCallback], torch.Tensor], cancelled: Callable[[], bool]
) -> Generator[int, None, torch.Tensor]:
    """What `run` makes, yielding the number of each step it has finished; it goes on when the next one is asked for.

    Whoever stops iterating, or cancels, stops it where it stands.
    """
    told: SimpleQueue[int | None] = SimpleQueue()
    turn, left = Semaphore(0), False

    def after_step(_pipeline: Any, step: int, _time: Any, _tensors: Arguments) -> Arguments:
        told.put(step + 1)
        turn.acquire()
        if left:
            raise JobCancelled
        return {}

    if cancelled():
        raise JobCancelled
    with ThreadPoolExecutor(1, "denoise") as thread:
        running = thread.submit(run, after_step)
        running.add_done_callback(lambda _: told.put(None))
        try:
            while (step := told.get()) is not None:
                yield step
                if cancelled():
                    raise JobCancelled
                turn.release()
        finally:
            left = True
            turn.release()
        return running.result()
