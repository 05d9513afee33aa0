"""Makes a clip: chooses the family's recipe, runs the plan window by window, and says honestly how far it is.

`Engine` is all the outside needs. It knows files and progress; tensors are the recipe's.
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
from engine.placement.policy import Offload, choose_placement, next_offload
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

    Once `spent` it makes no more: a pass that several GPUs share broke off in the middle, and the others wait in it.
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
        self._least: dict[str, Offload] = {}
        self._sources: dict[str, ModelSource] = {}
        self._rates: dict[tuple[str, Quality], StageRates] = {}

    def run(
        self, request: Request, out_dir: Path, cancelled: Callable[[], bool], resume: Resume | None = None
    ) -> Iterator[Event]:
        """Make the clip into `out_dir` (created), yielding events; the last is Done.

        With a `resume` that fits it goes on after what is published: the first Segment is then the one behind that.

        `cancelled` is asked between load stages, steps, decodes and small groups of frames. Raises Cancelled,
        or EngineError for everything that has a name; nothing half-written keeps the name of a result.
        """
        if problems := check_request(request):
            raise EngineError(
                "model_unknown" if problems[0].field == "model" else "bad_request",
                " ".join(problem.message for problem in problems),
            )
        _check_loras(request, self._config)
        film_plan = plan_clip(request)
        how = resolve_sampling(film_plan.model, request, self._source(film_plan.model).adapters)
        rates = self._rates.setdefault((request.model, request.quality), StageRates())
        job = Job(film_plan, request, how, rates, loaded=self._kept(request.model))
        previews = Previews(film_plan, rates, self._rules, out_dir, self._preview_policy)
        try:
            with _room():
                parts = yield from self._load(film_plan.model, job, cancelled)
                _check_hung(request, parts)
                yield from _film(job, parts, out_dir, self._threads, self._rules, previews, cancelled, resume)
        except EngineError as error:
            if error.code == "out_of_memory":
                self.must_restart = self._loaded_model is not None and self._loaded_model[1].placement.parallel > 1
                self._step_down(film_plan.model)
            raise

    def _step_down(self, model: ModelEntry) -> bool:
        """After running out of memory: let the model go, and load it with more offloaded from now on, if that is left
        to us and there is more. A job that ran out while it denoised fails all the same: what was published of it
        cannot be made again; its next try finds the room.
        """
        least = self._least.get(model.name, "none")
        placement = choose_placement(self._host.inspect_machine(), model, self._config, least)
        further = next_offload(placement)
        if (
            further is None
            or choose_placement(self._host.inspect_machine(), model, self._config, further).offload == placement.offload
        ):
            return False
        self._least[model.name], self._loaded_model = further, None
        return True

    def _kept(self, name: str) -> bool:
        return self._loaded_model is not None and self._loaded_model[0] == name

    def _source(self, model: ModelEntry) -> ModelSource:
        """Located once: a later look might find other adapters than those that are loaded."""
        if model.name not in self._sources:
            self._sources[model.name] = locate_weights(model, self._config)
        return self._sources[model.name]

    def _load(self, model: ModelEntry, job: Job, cancelled: Callable[[], bool]) -> Generator[Event, None, Modules]:
        if self._loaded_model is not None and self._loaded_model[0] == model.name:
            return self._loaded_model[1]
        self._loaded_model = None  # first let go of the other model: two may not fit
        while True:
            try:
                return (yield from self._read(model, job, cancelled))
            except EngineError as error:
                if error.code != "out_of_memory" or not self._step_down(model):
                    raise

    def _read(self, model: ModelEntry, job: Job, cancelled: Callable[[], bool]) -> Generator[Event, None, Modules]:
        _free()  # also of what an error held that ended the try before
        loading = load_model(model, self._source(model), self._config, self._least.get(model.name, "none"), self._host)
        before, began = 0.0, time.monotonic()
        while True:
            _stop_if(cancelled)
            try:
                fraction = next(loading)
            except StopIteration as end:
                parts: Modules = end.value
                self._loaded_model = (model.name, parts)
                return parts
            now = time.monotonic()
            yield Loading(fraction)
            yield job.record_work("loading", fraction - before, now - began)
            before, began = fraction, now


def _film(
    job: Job,
    parts: Modules,
    out_dir: Path,
    threads: int,
    rules: tuple[FrameRule, ...],
    previews: Previews,
    cancelled: Callable[[], bool],
    resume: Resume | None,
) -> Iterator[Event]:
    _stop_if(cancelled)
    began = time.monotonic()
    cut = ClipState.empty(job.plan)
    stamped = plan_fingerprint(
        job.plan, job.sampling, job.request.negative_prompt, parts.clip_fingerprint(job.sampling.lora_weights)
    )
    recipe = _recipe(job, parts, cut)
    recipe.encode_prompts()
    yield job.record_work("encoding", 1.0, time.monotonic() - began)
    with (
        VideoWriter(out_dir, *job.plan.size, job.plan.fps, job.plan.frames, threads) as film,
        Postprocessor(recipe, cut, film, rules, cancelled) as darkroom,
    ):
        done = (
            restore_clip(cut, film, resume, stamped, recipe.latent_shape, parts.device)
            if resume and recipe.latent_shape
            else 0
        )
        job.skip_steps(job.plan.steps[:done])
        for number, step in enumerate(job.plan.steps[done:], done + 1):
            _stop_if(cancelled)
            if isinstance(step, Window):
                with closing(_denoise(job, recipe, step, previews, cancelled)) as events:
                    for event in events:
                        yield event
                        yield from job.to_events(darkroom.news())
            else:
                state = partial(pack_latents, collect_latents(cut, number), stamped) if recipe.latent_shape else None
                yield from job.to_events(darkroom.take(step, state))
        yield from job.to_events(darkroom.finish())
    yield Done(film.result())


def _recipe(job: Job, parts: Modules, cut: ClipState) -> ClipSampler:
    if job.plan.model.family == "ltx":
        return LtxSampler(parts, cut, job.request, job.sampling)
    from engine.diffusion.diffusers_family import (
        DiffusersSampler,  # here, because its pipelines take half a second that most workers never need
    )

    return DiffusersSampler(parts, cut, job.request, job.sampling)


def _denoise(
    job: Job, recipe: ClipSampler, window: Window, previews: Previews, cancelled: Callable[[], bool]
) -> Generator[Event, None, None]:
    job.window, job.step, passed = job.window + 1, 0, 0.0
    began = time.monotonic()
    recipe.prepare_window(window)
    yield job.record_work("preparing", preparing_units(job.plan, window), time.monotonic() - began)
    began = time.monotonic()
    # Closed however it ends, because what the transformer wears for this job must come off before the next.
    with closing(recipe.denoise_window(window, cancelled)) as steps:
        for step in steps:
            job.step, now = step, time.monotonic()
            passed += now - began
            yield job.record_work("denoising", job.pass_units(window), now - began)
            if previews.is_due(
                window, step, job.sampling.steps, passed, job.estimate.total_seconds() / len(job.plan.windows)
            ):
                yield from filter(None, [previews.take_preview(recipe, window)])
            began = time.monotonic()


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise JobCancelled


def _check_loras(request: Request, config: EngineConfig) -> None:
    """Raises EngineError `lora_missing` for a name that there is not, or not for this model."""
    known = [lora.name for lora in config.loras if lora.model == request.model]
    if unknown := [each.name for each in request.loras if each.name not in known]:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise EngineError("lora_missing", f"There is no LoRA {unknown[0]!r} for {request.model}; {there}.")


def _check_hung(request: Request, parts: Modules) -> None:
    """Raises EngineError `lora_missing` for one that could not be read."""
    for each in request.loras:
        if adapter_name(each.name) in parts.lora_errors:
            raise EngineError(
                "lora_missing", f"The LoRA {each.name!r} is missing. {parts.lora_errors[adapter_name(each.name)]}"
            )


def _free() -> None:
    """Give what nobody holds any more back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _room() -> Iterator[None]:
    """Running out of memory is a named failure; what the job held is given back before the next one."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise EngineError("out_of_memory", f"The device has no room for this clip: {error}") from error
