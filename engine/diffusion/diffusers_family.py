"""The sampler of every family but LTX-Video: runs diffusers' own pipeline step by step, and decodes its latents.

A pipeline does not return before it is done, so it runs in a thread that waits after each step until it may continue.
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
from engine.diffusion.latents import ClipState, wait_for_device
from engine.diffusion.step_cache import step_cache
from engine.loading.loader import Modules
from engine.placement.lora import activate_loras
from engine.placement.vae_tiling import set_tiling
from engine.planning.plan import ClipPlan, DecodeSpan, Window
from engine.types import JobCancelled, Request

StepCallback: TypeAlias = Callable[[Any, int, Any, Arguments], Arguments]


class DiffusersSampler:
    """Samples one clip of a single window with a diffusers pipeline (see `engine.diffusion.family.ClipSampler`)."""

    def __init__(self, modules: Modules, clip: ClipState, request: Request, sampling: Sampling) -> None:
        self._modules, self._clip, self._request, self._sampling = modules, clip, request, sampling
        self._pipeline = build_pipeline(modules, clip.plan, sampling, with_images=bool(request.conditions))
        self._pipeline.pipeline.set_progress_bar_config(disable=True)
        self._prompt_arguments: Arguments = {}
        self._decoding: Iterator[torch.Tensor] | None = None
        self._undelivered: list[torch.Tensor] = []
        self._delivered = 0
        self._shown_frames = _shown_frame_numbers(clip.plan)
        self.latent_shape: tuple[int, ...] | None = None  # decoding starts at the beginning, so nothing is resumed

    @torch.inference_mode()
    def encode_prompts(self) -> None:
        """Encode the prompt."""
        plan, tiling = self._clip.plan, self._modules.placement.tiling
        pixels = plan.native.width * plan.native.height
        set_tiling(self._modules.vae, tiling, pixels, causal_decoder=plan.model.causal_decoder)
        negative = self._request.negative_prompt or plan.model.negative_prompt
        self._prompt_arguments = self._pipeline.encode_prompts(self._request.prompt, negative)

    def prepare_window(self, window: Window) -> None:
        """Nothing to do: the pipeline prepares itself when it starts."""

    def denoise_window(self, window: Window, cancelled: Callable[[], bool]) -> Generator[int, None, None]:
        """Run the pipeline, yielding the number of each finished step, and store its latents."""
        transformers = list(filter(None, [self._modules.transformer, self._modules.others.get("transformer_2")]))
        for transformer in transformers:
            activate_loras(transformer, self._sampling.lora_weights)
        with step_cache(self._sampling.cache, *transformers):
            latents = yield from _run_stepwise(lambda after_step: self._run_pipeline(window, after_step), cancelled)
        for number in range(window.latents):
            self._clip.latents[window.gap][number] = latents[:, :, number : number + 1].clone()

    def decode_preview(self, _window: Window, _number: int) -> torch.Tensor | None:
        """None: the pipelines do not expose their prediction of the clean latents."""
        return None

    @torch.inference_mode()
    def decode_span(self, span: DecodeSpan) -> torch.Tensor:
        """The frames of `span`, decoded as far as needed. Frames decoded beyond it are kept for the next span."""
        if self._decoding is None:
            sequence = self._clip.latents[span.gap]
            self._decoding = self._pipeline.decode_frames(
                torch.cat([sequence[number] for number in sorted(sequence)], dim=2)
            )
        numbers = self._shown_frames[span.first : span.last + 1]
        while self._delivered + sum(map(len, self._undelivered)) <= numbers[-1]:
            self._undelivered.append(next(self._decoding))
        frames = torch.cat(self._undelivered)
        selected = frames[[number - self._delivered for number in numbers]]
        self._undelivered = [frames[numbers[-1] + 1 - self._delivered :]]
        self._delivered = numbers[-1] + 1
        wait_for_device(self._modules)
        return selected

    @torch.inference_mode()
    def _run_pipeline(self, window: Window, after_step: StepCallback) -> torch.Tensor:
        """The latents of a window [1, C, F, h, w]. The shared modules are restored however the run ends."""
        plan = self._clip.plan

        def wait_then_continue(*arguments: Any) -> Arguments:
            wait_for_device(self._modules)
            return after_step(*arguments)

        try:
            latents: torch.Tensor = self._pipeline.pipeline(
                **self._prompt_arguments,
                **self._pipeline.call_arguments(window),
                width=plan.native.width,
                height=plan.native.height,
                num_inference_steps=self._sampling.steps,
                generator=torch.Generator("cpu").manual_seed(window.seed),
                output_type="latent",
                return_dict=False,
                callback_on_step_end=wait_then_continue,
                max_sequence_length=plan.model.max_prompt_tokens,
            )[0]
        finally:
            self._pipeline.pipeline.maybe_free_model_hooks()
        return latents if latents.ndim == 5 else latents.unsqueeze(2)


def _shown_frame_numbers(plan: ClipPlan) -> Sequence[int]:
    """The number of the denoised frame behind each frame of the file; a few more frames are denoised than the file has.

    Surplus frames are dropped at the end. But where the model ends on a keyframe that is its very last frame, the file
    must end on it too: then they are dropped at equal distances, so that no frame is off by more than half a frame.
    """
    (window,) = plan.windows
    last_denoised, last_shown = plan.model.temporal_compression * (window.latents - 1), plan.frames - 1
    ends = plan.model.image_positions == "ends" and any(
        keyframe.frame == last_shown > 0 for keyframe in window.keyframes
    )
    if not ends:
        return range(plan.frames)
    return [(2 * number * last_denoised + last_shown) // (2 * last_shown) for number in range(plan.frames)]


def _run_stepwise(
    run: Callable[[StepCallback], torch.Tensor], cancelled: Callable[[], bool]
) -> Generator[int, None, torch.Tensor]:
    """The result of `run`, yielding the number of each finished step; it continues when the next one is requested.

    It stops after the present step when the generator is closed or `cancelled` answers yes (JobCancelled).
    """
    finished_steps: SimpleQueue[int | None] = SimpleQueue()
    may_continue, stopped = Semaphore(0), False

    def after_step(_pipeline: Any, step: int, _time: Any, _tensors: Arguments) -> Arguments:
        finished_steps.put(step + 1)
        may_continue.acquire()
        if stopped:
            raise JobCancelled
        return {}

    if cancelled():
        raise JobCancelled
    with ThreadPoolExecutor(1, "denoise") as thread:
        running = thread.submit(run, after_step)
        running.add_done_callback(lambda _: finished_steps.put(None))
        try:
            while (step := finished_steps.get()) is not None:
                yield step
                if cancelled():
                    raise JobCancelled
                may_continue.release()
        finally:
            stopped = True
            may_continue.release()
        return running.result()
