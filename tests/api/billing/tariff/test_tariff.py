"""What a tariff may say, and what is said of one that will not do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from msgspec.structs import replace

from api import cli
from api.billing.tariff import tariff
from api.billing.tariff.tariff import Tariff, TariffError
from api.local import doctor
from api.settings import Settings
from tests.support.factories import TARIFF, add_account
from tests.support.tariffs import tariffs

OWN = tariff.DEFAULT.read_text()
TWO_VERSIONS = """
[[plans]]
name = "plus"
version = 2
amount = 1299
monthly_credits = 2000
max_short_side = 2160
max_seconds = 15
concurrency = 2
priority = 0
retention_days = 365
marked = false
relaxed = false
"""

WRONG = {
    "not TOML": ("currency =", "currency", "is not TOML"),
    "unknown key": ("currency =", "colour = 1\ncurrency =", "unknown field `colour`"),
    "unknown key of a plan": (
        "max_seconds = 10\n",
        "max_seconds = 10\nmax_second = 10\n",
        "unknown field `max_second`",
    ),
    "missing key": ("max_seconds = 10\n", "", "missing required field `max_seconds`"),
    "currency": ('"usd"', '"dollars"', "currency"),
    "no free plan": ('name = "free"', 'name = "gratis"', "no plan `free`"),
    "free that costs": ("amount = 0\n", "amount = 1\n", "make it 0"),
    "first version": ('name = "plus"\nversion = 1', 'name = "plus"\nversion = 2', "stands where version 1 is due"),
    "same version": ('name = "pro"\nversion = 1', 'name = "plus"\nversion = 1', "stands where version 2 is due"),
    "half a trial": ("trial_days = 7", "trial_days = 0", "both trial_days and trial_credits"),
    "long trial": ("trial_credits = 300", "trial_credits = 3001", "lower them"),
    "free trial": ("amount = 999 ", "amount = 0 ", "leave its trial out"),
    "empty pack": ("credits = 500\n", "credits = 0\n", "needs credits and an amount above 0"),
    "free overage": ('amount = "1"', 'amount = "0"', "above 0"),
    "fine overage": ('amount = "1"', 'amount = "0.0000000000001"', "up to 12 decimals"),
    "overage as a number": ('amount = "1"', "amount = 1", "Expected `str`"),
    "caps": ("default_cap = 1000", "default_cap = 10001", "above its max_cap"),
    "tiers": ("short_side = 480", "short_side = 720", "must rise"),
    "sides": ("short_side = 480", "short_side = 0", "must rise"),
    "rates": ("rate = 2 ", "rate = 0.5 ", "must not cost less"),
    "beyond": ("beyond = 8", "beyond = 3.9", "must not cost less"),
    "nothing": ("rate = 1 ", "rate = 0 ", "above 0"),
    "not a number": ("rate = 2 ", "rate = nan ", "above 0"),
    "infinite": ("beyond = 8", "beyond = inf", "at most"),
    "quality": ("turbo = 1", "turbo = 2.5", "full quality must not cost less"),
    "model": ("models = {}", 'models = { "ltx" = 2 }', "there is not"),
    "operation": ("operations = {}", "operations = { extension = 2 }", "there is not"),
    "least": ("least_seconds = 0 ", "least_seconds = -1 ", "at least 0"),
    "least that is none": ("least_seconds = 0 ", "least_seconds = nan ", "at least 0"),
}


@pytest.fixture
def tariff_file(tmp_path: Path) -> Path:
    """An operator's tariff, the same as ours to begin with."""
    path = tmp_path / "tariff.toml"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_invalid_tariffs_are_refused_with_a_sentence(tariff_file: Path, old: str, new: str, said: str) -> None:
    assert old in OWN
    tariff_file.write_text(OWN.replace(old, new))
    with pytest.raises(TariffError) as refused:
        tariff.load_tariff(tariff_file)
    assert said in str(refused.value)
    assert str(tariff_file) in str(refused.value)
    assert str(refused.value).endswith(".")


def test_the_default_tariff_offers_the_documented_plans() -> None:
    assert [(plan.name, plan.monthly_credits) for plan in TARIFF.offered_plans()] == [
        ("free", 300),
        ("plus", 3_000),
        ("pro", 30_000),
    ]
    assert [(pack.credits, pack.amount) for pack in TARIFF.offered_packs()] == [
        (500, 499),
        (2_500, 1_999),
        (10_000, 6_999),
    ]


def test_people_keep_the_version_they_bought(tariff_file: Path) -> None:
    tariff_file.write_text(OWN.replace("[[packs]]", TWO_VERSIONS + "\n[[packs]]", 1))
    sold = tariff.load_tariff(tariff_file)
    assert sold.find_plan("plus").version == 2
    assert (sold.find_plan("plus", 1), sold.find_plan("plus", 2).amount) == (TARIFF.find_plan("plus"), 1_299)
    assert [(plan.name, plan.version) for plan in sold.offered_plans()] == [("free", 1), ("plus", 2), ("pro", 1)]
    for name, version in (("plus", 3), ("studio", None)):
        with pytest.raises(TariffError, match="put it back"):
            sold.find_plan(name, version)
    with pytest.raises(TariffError, match="pack huge"):
        sold.find_pack("huge")


@given(tariffs())
def test_valid_tariffs_are_accepted(drawn: Tariff) -> None:
    assert tariff.check_tariff(drawn) is drawn
    for plan in drawn.offered_plans():
        assert plan is drawn.find_plan(plan.name)
        assert plan.version == max(each.version for each in drawn.plans if each.name == plan.name)


@given(tariffs())
def test_a_version_that_was_removed_is_missed(drawn: Tariff) -> None:
    for plan in drawn.plans:
        if plan is not drawn.find_plan(plan.name):
            with pytest.raises(TariffError, match="none is ever removed"):
                tariff.check_tariff(replace(drawn, plans=[each for each in drawn.plans if each is not plan]))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TariffError, match="KINORA_TARIFF"):
        tariff.load_tariff(tmp_path / "nowhere.toml")


def test_every_child_reads_the_same_file(tariff_file: Path) -> None:
    read = Settings.from_env({"KINORA_TARIFF": str(tariff_file), "KINORA_SECRET": "sixteen letters.."})
    assert read.tariff == tariff_file
    assert Settings.from_env(read.to_environment()) == read
    assert Settings.from_env(replace(read, tariff=None).to_environment()).tariff is None


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
def test_nothing_starts_with_a_tariff_that_will_not_do(
    tariff_file: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tariff_file.write_text(OWN.replace("turbo = 1", "turbo = 3"))
    servers = {"DATABASE_URL": "postgresql://nobody", "REDIS_URL": "redis://nobody"}
    for name, value in {"KINORA_TARIFF": str(tariff_file), "KINORA_SECRET": "sixteen letters..", **servers}.items():
        monkeypatch.setenv(name, value)
    assert cli.main([command]) == 1
    assert "full quality must not cost less" in capsys.readouterr().err


async def test_the_doctor_reports_versions_that_users_have_and_the_tariff_lacks(database: str) -> None:
    named = Settings(database_url=database)
    assert (await doctor._check_tariff(named)).grade == "ok"
    connection = await asyncpg.connect(database)
    await add_account(connection, plan="plus")
    await connection.execute("UPDATE users SET plan_version = 7")
    await connection.close()
    finding = await doctor._check_tariff(named)
    assert (finding.grade, "no version 7 of the plan plus" in finding.sentence) == ("lack", True)


def test_the_doctor_reads_it(tariff_file: Path) -> None:
    named = Settings(tariff=tariff_file)
    assert asyncio.run(doctor._check_tariff(named)).grade == "ok"
    tariff_file.write_text(OWN.replace("turbo = 1", "turbo = 3"))
    finding = asyncio.run(doctor._check_tariff(named))
    assert (finding.grade, "full quality" in finding.sentence) == ("lack", True)
