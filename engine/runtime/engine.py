"""The engine: loads a model, runs a request's plan window by window, and yields progress events.

`Engine` is the entry point. It handles files and progress; tensors belong to the model family.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import torch

from engine.catalog.model import ModelEntry
from engine.catalog.validation import check_request
from engine.diffusion.conditioning import preparing_units
from engine.diffusion.family import ClipSampler
from engine.diffusion.latents import ClipState
from engine.diffusion.ltx import LtxSampler
from engine.diffusion.schedule import resolve_sampling
from engine.loading.loader import ModelSource, Modules, limit_threads, load_model, locate_weights
from engine.media.video_writer import VideoWriter
from engine.parallel.host import THIS_HOST, Host
from engine.placement.hardware import is_out_of_memory
from engine.placement.lora import adapter_name
from engine.placement.policy import choose_placement
from engine.planning.plan import Window
from engine.planning.timeline import plan_clip
from engine.runtime.job import Job
from engine.runtime.postprocess import Postprocessor
from engine.runtime.preview import DEFAULT_POLICY, PreviewPolicy, Previews
from engine.runtime.progress import StageRates
from engine.runtime.resume import collect_latents, pack_latents, plan_fingerprint, restore_clip
from engine.safety.rules import FrameRule, load_operator_rules
from engine.types import Done, EngineConfig, EngineError, Event, JobCancelled, Loading, Quality, Request, Resume


class Engine:
    """Runs one job at a time; the model of the last one stays loaded. Raises BadRuleError.

    Once `must_restart` is set it must not be used again: a forward pass that several GPUs share was interrupted, and
    the other ranks still wait in it.
    """

    def __init__(
        self, config: EngineConfig, host: Host = THIS_HOST, preview_policy: PreviewPolicy = DEFAULT_POLICY
    ) -> None:
        self._preview_policy = preview_policy
        self._config = config
        self._host = host
        self._rules = load_operator_rules(config.frame_rules)
        self.must_restart = False
        self._threads = limit_threads(config)
        self._loaded_model: tuple[str, Modules] | None = None
        self._rungs: dict[str, int] = {}
        self._sources: dict[str, ModelSource] = {}
        self._rates: dict[tuple[str, Quality], StageRates] = {}

    def run(
        self, request: Request, out_dir: Path, cancelled: Callable[[], bool], resume: Resume | None = None
    ) -> Iterator[Event]:
        """Generate the clip into `out_dir` (created), yielding events; the last is Done.

        With a `resume` that fits, it continues after the published segments: the first Segment is then the next one.

        `cancelled` is called between load stages, steps, decodes and batches of frames. Raises JobCancelled, or
        EngineError with a failure code; no partial file keeps the name of a result.
        """
        if violations := check_request(request):
            raise EngineError(
                "model_unknown" if violations[0].field == "model" else "bad_request",
                " ".join(violation.message for violation in violations),
            )
        _check_loras(request, self._config)
        clip_plan = plan_clip(request)
        job_sampling = resolve_sampling(clip_plan.model, request, self._locate_weights(clip_plan.model).adapters)
        rates = self._rates.setdefault((request.model, request.quality), StageRates())
        job = Job(clip_plan, request, job_sampling, rates, loaded=self._is_loaded(request.model))
        previews = Previews(clip_plan, rates, self._rules, out_dir, self._preview_policy)
        try:
            with _as_out_of_memory():
                parts = yield from self._ensure_loaded(clip_plan.model, job, cancelled)
                _check_loras_loaded(request, parts)
                yield from _make_clip(job, parts, out_dir, self._threads, self._rules, previews, cancelled, resume)
        except EngineError as error:
            if error.code == "out_of_memory":
                self.must_restart = self._loaded_model is not None and self._loaded_model[1].placement.parallel > 1
                self._step_down(clip_plan.model)
            raise

    def _step_down(self, model: ModelEntry) -> bool:
        """After running out of memory: unload the model, and from now on load it the next way that needs less, if there
        is one. Returns whether there was. A job that ran out while denoising fails all the same, since its published
        segments cannot be generated again; its next attempt has the memory.
        """
        rung = self._rungs.get(model.name, 0)
        if not choose_placement(self._host.inspect_machine(), model, self._config, rung).further:
            return False
        self._rungs[model.name], self._loaded_model = rung + 1, None
        return True

    def _is_loaded(self, name: str) -> bool:
        return self._loaded_model is not None and self._loaded_model[0] == name

    def _locate_weights(self, model: ModelEntry) -> ModelSource:
        """Locates the weights once: a later call might find other adapters than those that are loaded."""
        if model.name not in self._sources:
            self._sources[model.name] = locate_weights(model, self._config)
        return self._sources[model.name]

    def _ensure_loaded(
        self, model: ModelEntry, job: Job, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Modules]:
        if self._loaded_model is not None and self._loaded_model[0] == model.name:
            return self._loaded_model[1]
        self._loaded_model = None  # unload the other model first: both may not fit
        while True:
            try:
                return (yield from self._load_weights(model, job, cancelled))
            except EngineError as error:
                if error.code != "out_of_memory" or not self._step_down(model):
                    raise

    def _load_weights(
        self, model: ModelEntry, job: Job, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Modules]:
        _free_memory()  # including what the error of the last attempt referred to
        loading = load_model(
            model, self._locate_weights(model), self._config, self._rungs.get(model.name, 0), self._host
        )
        before, started = 0.0, time.monotonic()
        while True:
            _raise_if_cancelled(cancelled)
            try:
                fraction = next(loading)
            except StopIteration as end:
                parts: Modules = end.value
                self._loaded_model = (model.name, parts)
                return parts
            now = time.monotonic()
            yield Loading(fraction)
            yield job.record_work("loading", fraction - before, now - started)
            before, started = fraction, now


def _make_clip(
    job: Job,
    parts: Modules,
    out_dir: Path,
    threads: int,
    rules: tuple[FrameRule, ...],
    previews: Previews,
    cancelled: Callable[[], bool],
    resume: Resume | None,
) -> Iterator[Event]:
    _raise_if_cancelled(cancelled)
    started = time.monotonic()
    clip = ClipState.empty(job.plan)
    fingerprint = plan_fingerprint(
        job.plan, job.sampling, job.request.negative_prompt, parts.clip_fingerprint(job.sampling.lora_weights)
    )
    sampler = _create_sampler(job, parts, clip)
    sampler.encode_prompts()
    yield job.record_work("encoding", 1.0, time.monotonic() - started)
    with (
        VideoWriter(out_dir, *job.plan.size, job.plan.fps, job.plan.frames, threads) as writer,
        Postprocessor(sampler, clip, writer, rules, cancelled) as postprocessor,
    ):
        done = 0
        if resume and sampler.latent_shape:
            done = restore_clip(clip, writer, resume, fingerprint, sampler.latent_shape, parts.device)
        job.skip_steps(job.plan.steps[:done])
        for number, step in enumerate(job.plan.steps[done:], done + 1):
            _raise_if_cancelled(cancelled)
            if isinstance(step, Window):
                with closing(_denoise_window(job, sampler, step, previews, cancelled)) as events:
                    for event in events:
                        yield event
                        yield from job.to_events(postprocessor.poll_events())
            else:
                state = (
                    partial(pack_latents, collect_latents(clip, number), fingerprint) if sampler.latent_shape else None
                )
                yield from job.to_events(postprocessor.submit(step, state))
        yield from job.to_events(postprocessor.finish_all())
    yield Done(writer.result())


def _create_sampler(job: Job, parts: Modules, clip: ClipState) -> ClipSampler:
    if job.plan.model.family == "ltx":
        return LtxSampler(parts, clip, job.request, job.sampling)
    from engine.diffusion.diffusers_family import (
        DiffusersSampler,  # here, because importing its pipelines takes half a second
    )

    return DiffusersSampler(parts, clip, job.request, job.sampling)


def _denoise_window(
    job: Job, sampler: ClipSampler, window: Window, previews: Previews, cancelled: Callable[[], bool]
) -> Generator[Event, None, None]:
    job.window, job.step, passed = job.window + 1, 0, 0.0
    started = time.monotonic()
    sampler.prepare_window(window)
    yield job.record_work("preparing", preparing_units(job.plan, window), time.monotonic() - started)
    started = time.monotonic()
    # Closed however it ends, because the job's LoRAs must be deactivated before the next job.
    with closing(sampler.denoise_window(window, cancelled)) as steps:
        for step in steps:
            job.step, now = step, time.monotonic()
            passed += now - started
            yield job.record_work("denoising", job.pass_units(window), now - started)
            if previews.is_due(
                window, step, job.sampling.steps, passed, job.estimate.total_seconds() / len(job.plan.windows)
            ):
                yield from filter(None, [previews.take_preview(sampler, window)])
            started = time.monotonic()


def _raise_if_cancelled(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise JobCancelled


def _check_loras(request: Request, config: EngineConfig) -> None:
    """Raises EngineError `lora_missing` for a name that is not configured for this model."""
    known = [lora.name for lora in config.loras if lora.model == request.model]
    if unknown := [each.name for each in request.loras if each.name not in known]:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise EngineError("lora_missing", f"There is no LoRA {unknown[0]!r} for {request.model}; {there}.")


def _check_loras_loaded(request: Request, parts: Modules) -> None:
    """Raises EngineError `lora_missing` for a LoRA that could not be read or applied."""
    for each in request.loras:
        if reason := parts.lora_errors.get(adapter_name(each.name)):
            raise EngineError("lora_missing", reason)


def _free_memory() -> None:
    """Return unreferenced memory to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _as_out_of_memory() -> Iterator[None]:
    """Turn running out of memory into EngineError `out_of_memory`, and free the memory for the next job."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise EngineError("out_of_memory", f"The device has no room for this clip: {error}") from error
