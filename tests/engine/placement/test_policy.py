"""What is chosen for which machine. No machine here has a GPU: these are the decisions alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.catalog.registry import find_model
from engine.placement.hardware import inspect_machine
from engine.placement.policy import Machine, Placement, choose_placement
from engine.types import EngineConfig, EngineError, LoraSource

PROCESSOR = Machine(kind="cpu", host_memory=16.0, compiler=True)
APPLE = Machine(kind="mps", host_memory=32.0)
H100 = Machine(kind="cuda", gpus=1, memory=79.0, capability=(9, 0), host_memory=256.0, compiler=True)
SMALL = find_model("ltx-video-2b-0.9.5")  # 16 GB
LARGE = find_model("ltx-video-13b-distilled")  # 40 GB
MINI = find_model("kinora-mini")


def gpu(memory: float) -> Machine:
    return replace(H100, memory=memory, capability=(8, 9))


def refused(machine: Machine, config: EngineConfig) -> str:
    with pytest.raises(EngineError) as caught:
        choose_placement(machine, SMALL, config)
    assert caught.value.code == "bad_setting"
    return str(caught.value)


@pytest.mark.parametrize(
    ("machine", "device", "dtype"),
    [
        (PROCESSOR, "auto", "float32"),
        (replace(PROCESSOR, cpu_bfloat16=True), "auto", "bfloat16"),
        (replace(APPLE, cpu_bfloat16=True), "auto", "float32"),
        (H100, "auto", "bfloat16"),
        (H100, "cpu", "float32"),
        (replace(H100, cpu_bfloat16=True), "cpu", "bfloat16"),
    ],
)
def test_dtype_follows_the_device_and_the_cpu_instructions(machine: Machine, device: str, dtype: str) -> None:
    assert choose_placement(machine, MINI, EngineConfig(device=device)).dtype == dtype


def test_the_dtype_setting_outranks_the_cpu_instructions() -> None:
    machine = replace(PROCESSOR, cpu_bfloat16=True)
    assert choose_placement(machine, MINI, EngineConfig(dtype="float32")).dtype == "float32"


def test_a_processor_computes_in_float32_and_spares_nothing() -> None:
    assert choose_placement(PROCESSOR, LARGE, EngineConfig()) == Placement(device="cpu", dtype="float32")
    assert choose_placement(APPLE, LARGE, EngineConfig()).device == "mps"


def test_a_model_that_fits_lies_on_the_gpu_as_it_is_and_is_compiled() -> None:
    chosen = choose_placement(H100, LARGE, EngineConfig())
    assert (chosen.device, chosen.dtype, chosen.offload, chosen.quantization) == ("cuda", "bfloat16", "none", "none")
    assert chosen.compile
    assert chosen.storage_device == "cuda"


def test_compiling_is_for_large_models_that_stay_as_they_are() -> None:
    lora = LoraSource("film", LARGE.name, "/loras/film")
    assert not choose_placement(H100, MINI, EngineConfig()).compile
    assert not choose_placement(replace(H100, capability=(7, 5)), LARGE, EngineConfig()).compile
    assert not choose_placement(replace(H100, compiler=False), LARGE, EngineConfig()).compile
    assert not choose_placement(gpu(32.0), LARGE, EngineConfig()).compile
    assert not choose_placement(H100, LARGE, EngineConfig(loras=(lora,))).compile
    assert choose_placement(H100, SMALL, EngineConfig(loras=(lora,))).compile
    assert choose_placement(PROCESSOR, MINI, EngineConfig(compile="on")).compile


def test_a_model_whose_attention_is_masked_throughout_takes_no_kernel_without_masks() -> None:
    packed, stills = (
        replace(H100, packages=frozenset({"flash_attn_interface", "sageattention"})),
        find_model("z-image-turbo"),
    )
    assert choose_placement(packed, stills, EngineConfig()).attention == "native"
    assert choose_placement(packed, stills, EngineConfig(attention="_native_cudnn")).attention == "_native_cudnn"
    with pytest.raises(EngineError, match="Choose native") as caught:
        choose_placement(packed, stills, EngineConfig(attention="sage"))
    assert caught.value.code == "bad_setting"


def test_attention_takes_hopper_s_own_kernels_where_they_are() -> None:
    packed = frozenset({"flash_attn_interface", "sageattention"})
    assert choose_placement(H100, LARGE, EngineConfig()).attention == "native"
    assert choose_placement(replace(H100, packages=packed), LARGE, EngineConfig()).attention == "_flash_3"
    assert choose_placement(replace(gpu(80.0), packages=packed), LARGE, EngineConfig()).attention == "native"
    assert (
        choose_placement(replace(gpu(80.0), packages=packed), LARGE, EngineConfig(attention="sage")).attention == "sage"
    )


def test_several_gpus_share_a_clip_only_when_told() -> None:
    two = replace(H100, gpus=2)
    assert choose_placement(two, LARGE, EngineConfig()).parallel == 1
    shared = choose_placement(two, LARGE, EngineConfig(parallel=0))
    assert (shared.parallel, shared.offload, shared.compile) == (2, "none", False)
    assert choose_placement(PROCESSOR, MINI, EngineConfig(parallel=0)).parallel == 1


def test_what_an_operator_says_is_done() -> None:
    config = EngineConfig(offload="group", quantization="float8", tiling="on", dtype="float16", device="cuda:0")
    chosen = choose_placement(H100, MINI, config)
    assert (chosen.offload, chosen.quantization, chosen.tiling) == ("group", "float8", "on")
    assert (chosen.dtype, chosen.device) == ("float16", "cuda:0")
    packed = replace(H100, packages=frozenset({"torchao"}))
    assert choose_placement(packed, MINI, EngineConfig(quantization="int8")).quantization == "int8"


@pytest.mark.parametrize(
    ("machine", "config", "remedy"),
    [
        (PROCESSOR, EngineConfig(offload="group"), "set it to none"),
        (APPLE, EngineConfig(offload="model"), "set it to none"),
        (H100, EngineConfig(quantization="int8"), "Install torchao"),
        (H100, EngineConfig(quantization="nf4"), "Install bitsandbytes"),
        (APPLE, EngineConfig(quantization="float8"), "Set it to none"),
        (H100, EngineConfig(attention="flash"), "Install flash_attn"),
        (PROCESSOR, EngineConfig(attention="_native_cudnn"), "Choose native"),
        (replace(H100, compiler=False), EngineConfig(compile="on"), "set it to off"),
        (H100, EngineConfig(parallel=2), "Set it to what there is"),
        (H100, EngineConfig(parallel=-1), "0 for all"),
        (PROCESSOR, EngineConfig(parallel=2), "sees 0 CUDA GPUs"),
        (replace(H100, gpus=2), EngineConfig(parallel=2, offload="group"), "Set parallel to 1"),
        (replace(H100, gpus=2), EngineConfig(parallel=2, compile="on"), "Set it to off"),
        (replace(H100, gpus=2), EngineConfig(parallel=2, attention="_native_math"), "Choose one of"),
        (replace(H100, gpus=2), EngineConfig(parallel=2, device="cuda:1"), "Leave the device out"),
        (PROCESSOR, EngineConfig(offload="disk"), "one of auto, none, model, group"),
        (PROCESSOR, EngineConfig(tiling="maybe"), "one of auto, on, off"),
        (PROCESSOR, EngineConfig(dtype="int3"), "one of auto, float32"),
    ],
)
def test_what_the_machine_cannot_do_is_refused_with_a_remedy(
    machine: Machine, config: EngineConfig, remedy: str
) -> None:
    assert remedy in refused(machine, config)


@pytest.mark.parametrize(("machine", "device"), [(PROCESSOR, "cuda"), (H100, "cuda:1")])
def test_a_gpu_that_is_not_there_is_named(machine: Machine, device: str) -> None:
    with pytest.raises(EngineError, match=f"no {device} here") as caught:
        choose_placement(machine, MINI, EngineConfig(device=device))
    assert caught.value.code == "device_missing"


def test_running_out_of_memory_leads_down_the_ways_that_the_settings_leave_open() -> None:
    def ladder(config: EngineConfig, machine: Machine = H100) -> list[tuple[str, str]]:
        count = choose_placement(machine, LARGE, config).further + 1
        placements = [choose_placement(machine, LARGE, config, rung) for rung in range(count)]
        return [(placement.offload, placement.quantization) for placement in placements]

    ways = [("none", "none"), ("model", "none"), ("none", "float8"), ("model", "float8"), ("group", "none")]
    assert ladder(EngineConfig()) == ways
    assert ladder(EngineConfig(quantization="none")) == [("none", "none"), ("model", "none"), ("group", "none")]
    assert ladder(EngineConfig(offload="none")) == [("none", "none"), ("none", "float8")]
    assert ladder(EngineConfig(offload="none", quantization="float8")) == [("none", "float8")]
    assert ladder(EngineConfig(), PROCESSOR) == [("none", "none")]
    beyond = choose_placement(H100, LARGE, EngineConfig(), 99)
    assert ((beyond.offload, beyond.quantization), beyond.further) == (ways[-1], 0)


def test_a_placement_reads_as_a_sentence() -> None:
    assert str(choose_placement(PROCESSOR, MINI, EngineConfig())) == "on cpu in float32"
    assert str(choose_placement(gpu(24.0), LARGE, EngineConfig())) == (
        "on cuda in bfloat16, weights kept as float8, one part at a time on the GPU, about 19 GB at its peak"
    )
    assert str(choose_placement(replace(H100, gpus=2), LARGE, EngineConfig(parallel=2))).endswith("shared by 2 GPUs")


def test_this_machine_can_be_looked_at() -> None:
    found = inspect_machine()
    assert found.host_memory > 0
    assert (found.gpus > 0) == (found.kind == "cuda")
    assert choose_placement(found, MINI, EngineConfig(device="cpu")).device == "cpu"
