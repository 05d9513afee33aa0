"""The doctor's findings on a machine and its settings."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api.local import doctor
from api.local.servers import Servers
from api.settings import Settings
from engine.types import EngineConfig
from tests.support.engine_modules import write_lora


async def test_the_doctor_reports_a_working_setup(settings: Settings) -> None:
    findings = await doctor.run_checks(settings)
    assert not [finding for finding in findings if finding.grade == "lack"]
    assert [finding.sentence for finding in findings if "PostgreSQL 18 answers" in finding.sentence]


async def test_the_doctor_reports_model_placement(settings: Settings) -> None:
    here = msgspec.structs.replace(settings, device="cpu", dtype="float32")
    assert ("ok", "Models run like this: kinora-mini on cpu in float32.") in placements(await doctor.run_checks(here))
    wrong = msgspec.structs.replace(here, quantization="nf4", offload="group")
    [(grade, sentence)] = [each for each in placements(await doctor.run_checks(wrong)) if "setting" in each[1]]
    assert (grade, "offload=group" in sentence) == ("lack", True)


def placements(findings: list[doctor.Finding]) -> list[tuple[str, str]]:
    return [(finding.grade, finding.sentence) for finding in findings]


@pytest.mark.parametrize(
    ("source", "grade"),
    [
        ("/nowhere/ink", "lack"),
        ("./ink.safetensors", "lack"),
        ("ink", "lack"),
        ("ink.safetensors", "lack"),
        ("folder/ink.safetensors", "lack"),
        ("{here}", "lack"),
        ("{here}/notes.txt", "lack"),
        ("{here}/loras", "ok"),
        ("{here}/loras/ink.safetensors", "ok"),
        ("owner/ink", "note"),
        ("owner/loras/ink.safetensors", "note"),
    ],
)
async def test_the_doctor_reports_a_missing_lora(settings: Settings, tmp_path: Path, source: str, grade: str) -> None:
    (tmp_path / "loras").mkdir()
    for file in ("notes.txt", "loras/ink.safetensors"):
        (tmp_path / file).touch()
    named = msgspec.structs.replace(settings, loras={"ink": source.replace("{here}", str(tmp_path))})
    about_sources = ("KINORA_LORAS", "hub", "that are named are there")
    findings = await doctor.run_checks(named)
    [found] = [finding for finding in findings if any(words in finding.sentence for words in about_sources)]
    assert found.grade == grade


async def test_the_doctor_opens_each_lora(settings: Settings, weights: Path, tmp_path: Path) -> None:
    config = EngineConfig(weights={"kinora-mini": str(weights)}, device="cpu")
    good, text = write_lora(config, tmp_path / "good", 1), tmp_path / "text.safetensors"
    text.write_text("not a LoRA")
    settings = msgspec.structs.replace(settings, weights=dict(config.weights))
    assert ("ok", "The LoRAs that are on this disk can be applied: good.") in placements(
        await doctor.run_checks(msgspec.structs.replace(settings, loras={"good": str(good)}))
    )
    both = msgspec.structs.replace(settings, loras={"good": str(good), "text": str(text)})
    [(grade, sentence)] = [each for each in placements(await doctor.run_checks(both)) if "The LoRA" in each[1]]
    assert (grade, sentence.startswith(f"The LoRA 'text' ({text}) is no .safetensors file")) == ("lack", True)


async def test_the_doctor_reports_missing_weights(settings: Settings, weights: Path) -> None:
    for model, own, grade in (
        ("kinora-mini", str(weights), "ok"),
        ("kinora-mini", str(weights.parent), "lack"),
        ("kinora-mini", "owner/mini", "note"),
        ("wan2.1-t2v-1.3b", "", "note"),
        ("ltx-video-2b-distilled", "", "lack"),
    ):
        changed = msgspec.structs.replace(settings, models=[model], weights={model: own} if own else {})
        [found] = [
            each for each in await doctor.run_checks(changed) if "eights" in each.sentence or "hub" in each.sentence
        ]
        assert found.grade == grade, found


async def test_the_doctor_reports_unreachable_servers(servers: Servers, tmp_path: Path) -> None:
    nowhere = Settings(
        database_url="postgresql://127.0.0.1:1/x",
        redis_url="redis://127.0.0.1:1",
        data=tmp_path,
        frame_rules="nowhere:rule",
    )
    lacks = [finding.sentence for finding in await doctor.run_checks(nowhere) if finding.grade == "lack"]
    assert [lack.split(" does")[0] for lack in lacks] == [
        "The PostgreSQL of DATABASE_URL",
        "The Redis of REDIS_URL",
        lacks[-1],
    ]
    assert lacks[-1].startswith("KINORA_FRAME_RULES is 'nowhere:rule', which cannot be used")
