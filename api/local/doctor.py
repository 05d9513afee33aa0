"""`kinora doctor`: one sentence on each requirement of this machine and its settings. Changes nothing."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.metadata
import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import asyncpg
import redis.asyncio
import redis.exceptions

from api.billing.events import health
from api.billing.stripe import provision
from api.billing.tariff import tariff
from api.errors import Problem
from api.local import postgres, servers
from api.settings import Settings
from api.sql import users
from api.sql.connection import DatabaseUnavailableError, open_connection
from api.worker import preflight
from engine.catalog import registry
from engine.placement import policy
from engine.types import EngineError

OLDEST_POSTGRES = 15
MINIMUM_FREE_DISK = 5 * 2**30
"""Bytes of free disk below which new videos will soon be refused."""
MAX_CLOCK_DIFFERENCE = 2.0
"""Seconds by which this clock may differ from the database's, which leases use; tokens use this one."""
TIME_ERROR = 5
"""The result of adjtimex(2) where the clock is not synchronized."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`note`: Kinora runs, with a limitation; `lack`: it does not run, or not as configured."""

    grade: Literal["ok", "note", "lack"]
    sentence: str


def run_doctor(settings: Settings) -> int:
    """Print the findings; returns 1 if something is lacking, else 0."""
    findings = asyncio.run(run_checks(settings))
    for finding in findings:
        print(f"{finding.grade:<6}{finding.sentence}")
    return int(any(finding.grade == "lack" for finding in findings))


async def run_checks(settings: Settings) -> list[Finding]:
    return [await check(settings) for check in CHECKS]


async def _check_python(_settings: Settings) -> Finding:
    version = platform.python_version()
    return Finding("ok", f"Python {version} on {platform.system()} {platform.machine()}.")


async def _check_torch(_settings: Settings) -> Finding:
    try:
        return Finding("ok", f"torch {importlib.metadata.version('torch')} is installed.")
    except importlib.metadata.PackageNotFoundError:
        return Finding("lack", "torch is not installed, so the worker cannot run: `make setup` installs it.")


async def _check_gpu(_settings: Settings) -> Finding:
    try:
        import torch
    except ImportError:
        return Finding("note", "Whether there is a GPU is unknown without torch.")
    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        more = f" and {torch.cuda.device_count() - 1} more" if torch.cuda.device_count() > 1 else ""
        return Finding("ok", f"GPU: {device.name} with {device.total_memory / 2**30:.0f} GB{more}.")
    if torch.backends.mps.is_available():
        return Finding("ok", "GPU: Apple's, through Metal.")
    return Finding("note", "No GPU: the bundled model runs on the processor, larger models would take hours a clip.")


async def _check_placement(settings: Settings) -> Finding:
    """How each configured model is placed on this machine."""
    try:
        from engine.placement.hardware import inspect_machine
    except ImportError:
        return Finding("note", "How models are put on this machine is unknown without torch.")
    machine, config = inspect_machine(), settings.engine_config
    try:
        chosen = [
            f"{name} {policy.choose_placement(machine, registry.find_model(name), config)}" for name in settings.models
        ]
    except (EngineError, registry.UnknownModelError) as error:
        return Finding("lack", str(error))
    return Finding("ok", f"Models run like this: {'; '.join(chosen)}.")


async def _check_postgres(settings: Settings) -> Finding:
    if not settings.database_url:
        return _check_embedded_postgres()
    try:
        version, _ = await _query_postgres(settings.database_url)
    except DatabaseUnavailableError as error:
        return Finding("lack", str(error))
    if version < OLDEST_POSTGRES:
        return Finding("lack", f"PostgreSQL {version} is too old: Kinora needs {OLDEST_POSTGRES} or newer.")
    return Finding("ok", f"PostgreSQL {version} answers at DATABASE_URL.")


def _check_embedded_postgres() -> Finding:
    try:
        postgres.postgres_binaries()
        postgres.unprivileged_prefix()
    except postgres.ClusterError as error:
        return Finding("lack", str(error))
    return Finding("ok", f"PostgreSQL {postgres.VERSION} comes with Kinora (DATABASE_URL is not set).")


async def _query_postgres(url: str) -> tuple[int, float]:
    """The server's major version and its clock in Unix seconds."""
    connection = await open_connection(url, timeout=5.0)
    try:
        clock = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        return connection.get_server_version().major, clock
    finally:
        await connection.close()


async def _check_redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return _check_embedded_redis()
    try:
        async with redis.asyncio.Redis.from_url(settings.redis_url, socket_connect_timeout=5.0) as client:
            version = (await client.info("server"))["redis_version"]
    except (redis.exceptions.RedisError, OSError, ValueError) as error:
        return Finding("lack", f"The Redis of REDIS_URL does not answer: {_error_text(error)}.")
    return Finding("ok", f"Redis {version} answers at REDIS_URL.")


def _check_embedded_redis() -> Finding:
    try:
        return Finding("ok", f"Redis comes from {servers.redis_binary()} (REDIS_URL is not set).")
    except servers.EmbeddedError as error:
        return Finding("lack", str(error))


async def _check_disk(settings: Settings) -> Finding:
    place = next(folder for folder in (settings.data.resolve(), *settings.data.resolve().parents) if folder.exists())
    usage = shutil.disk_usage(place)
    sentence = f"{usage.free / 2**30:.0f} GB of disk are free at {place}"
    if usage.free < MINIMUM_FREE_DISK or usage.used / usage.total > settings.full_disk:
        return Finding("note", f"Only {sentence}: new clips are refused when it is full.")
    return Finding("ok", f"{sentence}.")


async def _check_clock(settings: Settings) -> Finding:
    """Compare with the database's clock, or check that the clock is synchronized."""
    if settings.database_url:
        try:
            before = time.time()
            _, theirs = await _query_postgres(settings.database_url)
        except DatabaseUnavailableError:
            return Finding("note", "The clock cannot be compared with a database that does not answer.")
        apart = max(before - theirs, theirs - time.time(), 0.0)
        if apart > MAX_CLOCK_DIFFERENCE:
            return Finding("lack", f"This machine's clock and the database's differ by {apart:.0f} s: set them right.")
        return Finding("ok", "This machine's clock and the database's agree.")
    if sys.platform == "linux" and ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == TIME_ERROR:
        return Finding("note", "Nothing keeps this machine's clock right (chrony or systemd-timesyncd would).")
    return Finding("ok", "The clock is kept right.")


def _error_text(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


async def _check_sources(settings: Settings) -> Finding:
    """Whether the configured weights and LoRAs exist."""
    if lacking := preflight.list_missing_sources(settings):
        return Finding("lack", " ".join(lacking))
    if fetched := preflight.list_hub_sources(settings):
        return Finding("note", f"Fetched from the hub when first needed, if no run before did: {', '.join(fetched)}.")
    return Finding("ok", "Weights and LoRAs that are named are there.")


async def _check_loras(settings: Settings) -> Finding:
    """Whether each LoRA can be applied to its model; one that cannot loses only the clips that name it."""
    if not settings.loras:
        return Finding("ok", "No LoRA is named.")
    try:
        from engine.loading.lora_check import unusable_loras
    except ImportError:
        return Finding("note", "Whether the LoRAs can be applied is unknown without torch.")
    if unusable := await asyncio.to_thread(unusable_loras, settings.engine_config):
        return Finding("lack", " ".join(unusable))
    return Finding("ok", f"The LoRAs that are on this disk can be applied: {', '.join(settings.loras)}.")


async def _check_frame_rules(settings: Settings) -> Finding:
    if reason := await asyncio.to_thread(preflight.frame_rule_error, settings.frame_rules):
        return Finding("lack", reason)
    whose = f"Kinora's own rules and by {settings.frame_rules}" if settings.frame_rules else "Kinora's own rules"
    return Finding("ok", f"Frames are judged by {whose} before they leave.")


async def _check_tariff(settings: Settings) -> Finding:
    """Whether the tariff is valid and still contains every plan version that is subscribed to."""
    try:
        sold = tariff.load_tariff(settings.tariff)
        for name, version in await _subscribed_plan_versions(settings):
            sold.find_plan(name, version)
    except tariff.TariffError as error:
        return Finding("lack", str(error))
    except asyncpg.PostgresError:
        return Finding("note", "Whether the tariff has what people bought is unknown: run `kinora migrate`.")
    plans = ", ".join(f"{plan.name} (version {plan.version})" for plan in sold.offered_plans())
    return Finding("ok", f"The tariff offers the plans {plans} and {len(sold.offered_packs())} packs of credits.")


async def _subscribed_plan_versions(settings: Settings) -> list[tuple[str, int | None]]:
    """Subscribed plan versions; empty if the database does not answer, which `_check_postgres` reports."""
    if not settings.database_url:
        return []
    try:
        connection = await open_connection(settings.database_url, timeout=5.0)
    except DatabaseUnavailableError:
        return []
    try:
        return await users.list_plan_versions(connection)
    finally:
        await connection.close()


async def _check_stripe(settings: Settings) -> Finding:
    """Whether the Stripe account sells the tariff and sends its events here."""
    if not settings.stripe_key:
        return Finding(
            "note", "KINORA_STRIPE_KEY is not set: `kinora up` sells through the fake Stripe, without real money."
        )
    try:
        lacking = [sentence async for sentence in _find_stripe_gaps(settings)]
    except (tariff.TariffError, provision.ProvisionError, Problem) as error:
        return Finding("lack", f"What Stripe sells: {_error_text(error)}.")
    if lacking:
        return Finding("lack", " ".join(lacking))
    return Finding("ok", "The Stripe account matches the tariff and sends its events to this server.")


async def _find_stripe_gaps(settings: Settings) -> AsyncIterator[str]:
    if undone := (await provision.provision_account(settings, write=False)).steps:
        yield f"`kinora stripe sync` has work to do. It would have {'; '.join(undone)}."
    if not provision.public_origin(settings):
        yield "KINORA_PUBLIC_URL is no https address, so Stripe cannot send events."
    if not settings.stripe_webhook_secrets:
        yield "KINORA_STRIPE_WEBHOOK_SECRETS is not set, so Stripe's events are refused."


async def _check_payments(settings: Settings) -> Finding:
    if not settings.stripe_key or not settings.database_url:
        return Finding("ok", "Nothing is sold here that could be stuck.")
    try:
        connection = await open_connection(settings.database_url, timeout=5.0)
    except DatabaseUnavailableError:
        return Finding("note", "Whether payments are stuck is unknown without the database.")
    try:
        troubles = await health.list_troubles(connection)
    except asyncpg.UndefinedTableError:
        return Finding("lack", "The database lacks the tables for payments: run `kinora migrate`.")
    finally:
        await connection.close()
    return Finding("note", " ".join(troubles)) if troubles else Finding("ok", "No payment and no usage is stuck.")


CHECKS: tuple[Callable[[Settings], Awaitable[Finding]], ...] = (
    _check_python,
    _check_torch,
    _check_gpu,
    _check_placement,
    _check_postgres,
    _check_redis,
    _check_disk,
    _check_sources,
    _check_loras,
    _check_frame_rules,
    _check_tariff,
    _check_stripe,
    _check_payments,
    _check_clock,
)
