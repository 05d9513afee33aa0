"""The `kinora` command: parses arguments and runs a subcommand. Imports the modules of a subcommand only to run it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from api.environment import SettingsError
from api.settings import Settings

OPENAPI = Path(__file__).parents[1] / "openapi" / "openapi.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status. A user error is reported in one sentence on standard error."""
    options = _build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except _CommandError as refusal:
        print(f"kinora: {refusal}", file=sys.stderr)
        return refusal.status


class _CommandError(Exception):
    """The command cannot run; the message is one sentence for the user, `status` the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinora", description="Backend that generates videos from text prompts.")
    commands = parser.add_subparsers(required=True, metavar="command")

    up = commands.add_parser("up", help="run everything on this machine until Ctrl-C")
    up.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    up.add_argument(
        "--port", type=int, help="port to listen on (default: 8000, or a free one if it is taken; 0: any free port)"
    )
    up.add_argument("--data", help="folder for all data (default: data)")
    up.set_defaults(run=_run_up)

    demo = commands.add_parser("demo", help="generate one video end to end and save it as demo.mp4")
    demo.add_argument("prompt", nargs="?", help="prompt of the video (default: $PROMPT, or a turquoise boat)")
    demo.set_defaults(run=_run_demo)

    serve = commands.add_parser("serve", help="run one web process (requires DATABASE_URL and REDIS_URL)")
    serve.add_argument("--fd", type=int, help="file descriptor of a listening socket, instead of host and port")
    serve.set_defaults(run=_run_serve)

    worker = commands.add_parser("worker", help="run one worker (requires DATABASE_URL and REDIS_URL)")
    worker.set_defaults(run=_run_worker)

    migrate = commands.add_parser("migrate", help="apply pending migrations to the database at DATABASE_URL")
    migrate.set_defaults(run=_run_migrate)

    openapi = commands.add_parser("openapi", help="write openapi/openapi.json")
    openapi.add_argument("--check", action="store_true", help="write nothing; fail if the file is out of date")
    openapi.set_defaults(run=_write_openapi)

    stripe = commands.add_parser("stripe", help="set up and reconcile the Stripe account").add_subparsers(
        required=True, metavar="action"
    )
    sync = stripe.add_parser("sync", help="create the products, prices and webhooks of the tariff in Stripe")
    sync.add_argument(
        "--new-secrets", action="store_true", help="recreate the webhooks, if their signing secrets were lost"
    )
    sync.set_defaults(run=_sync_stripe)
    reconcile = stripe.add_parser("reconcile", help="apply missed Stripe events and retry those that were parked")
    reconcile.set_defaults(run=_reconcile_stripe)

    doctor = commands.add_parser("doctor", help="check this machine and the configuration")
    doctor.set_defaults(run=_run_doctor)
    return parser


def _read_settings(**overrides: str | None) -> Settings:
    """The settings of the environment, overridden by those of the command line."""
    named = {f"KINORA_{name.upper()}": value for name, value in overrides.items() if value is not None}
    try:
        return Settings.from_env(os.environ | named)
    except (SettingsError, OSError) as error:
        raise _CommandError(str(error)) from error


def _check_tariff(settings: Settings) -> Settings:
    """Return the settings if their tariff is valid. Raises _CommandError."""
    from api.billing.tariff import tariff

    try:
        tariff.load_tariff(settings.tariff)
    except tariff.TariffError as error:
        raise _CommandError(str(error)) from error
    return settings


def _read_server_settings() -> Settings:
    settings = _read_settings()
    for variable, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not value:
            raise _CommandError(
                f"{variable} is not set. Only `kinora up` starts servers of its own; this command does not."
            )
    return settings


def _print_message(sentence: str) -> None:
    print(f"kinora: {sentence}", file=sys.stderr, flush=True)


def _run_up(options: argparse.Namespace) -> int:
    from api import logs
    from api.local import supervisor

    settings = _check_tariff(_read_settings(host=options.host, data=options.data))
    logs.configure_logging(settings.log_level)
    port_required = options.port is not None or "KINORA_PORT" in os.environ
    port = settings.port if options.port is None else options.port
    return _run_supervised(
        lambda: supervisor.run_foreground(settings, port, port_required=port_required, report=_print_message)
    )


def _run_demo(options: argparse.Namespace) -> int:
    from api.local import demo

    try:
        return _run_supervised(lambda: demo.run_demo(options.prompt or os.environ.get("PROMPT") or demo.PROMPT))
    except demo.DemoError as error:
        raise _CommandError(str(error)) from error


def _run_supervised(start: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a coroutine that supervises child processes until it ends or a signal arrives. Raises _CommandError."""
    from api.local import supervisor

    try:
        return supervisor.run_until_signal(start())
    except supervisor.FAILURES as failure:
        raise _CommandError(str(failure)) from failure


def _run_serve(options: argparse.Namespace) -> int:
    settings = _check_tariff(_read_server_settings())
    from api import serve

    try:
        serve.run_server(settings, descriptor=options.fd)
    except serve.ServeError as error:
        raise _CommandError(str(error)) from error
    return 0


def _run_worker(_options: argparse.Namespace) -> int:
    settings = _check_tariff(_read_server_settings())
    from api.sql.connection import DatabaseUnavailableError
    from api.worker.main import WrongSettingError, run_worker_process

    try:
        run_worker_process(settings)
    except DatabaseUnavailableError as error:
        raise _CommandError(str(error)) from error
    except WrongSettingError as error:
        raise _CommandError(str(error), os.EX_CONFIG) from error
    return 0


def _run_migrate(_options: argparse.Namespace) -> int:
    from api.sql import migrate

    try:
        applied = asyncio.run(migrate.apply_migrations(_read_server_settings().database_url))
    except migrate.MigrationError as error:
        raise _CommandError(str(error)) from error
    print("\n".join(applied) or "nothing to do")
    return 0


def _write_openapi(options: argparse.Namespace) -> int:
    from api import app
    from api.http.openapi import document
    from api.settings import Settings

    text = document.export_document(app.create_app(Settings())).decode()
    if not options.check:
        OPENAPI.parent.mkdir(exist_ok=True)
        OPENAPI.write_text(text)
    elif not OPENAPI.exists() or OPENAPI.read_text() != text:
        raise _CommandError("openapi/openapi.json is out of date: run `make openapi` and commit the result.")
    return 0


def _silence_logs() -> None:
    """Keep log lines out of the output that the user reads."""
    from api import logs

    logs.configure_logging("critical")


def _sync_stripe(options: argparse.Namespace) -> int:
    from api.billing.stripe import provision
    from api.errors import Problem

    _silence_logs()
    settings = _check_tariff(_read_settings())
    if not settings.stripe_key:
        raise _CommandError("KINORA_STRIPE_KEY is not set. Set it to the secret key of your Stripe account.")
    try:
        done = asyncio.run(provision.provision_account(settings, new_secrets=options.new_secrets))
    except (provision.ProvisionError, Problem) as error:
        raise _CommandError(str(error)) from error
    print("\n".join(done.steps) or "nothing to do: Stripe matches the tariff")
    if done.secrets:
        print("Set this now, because Stripe does not show it again. Keep secrets that are set and still in use:")
        print(f"KINORA_STRIPE_WEBHOOK_SECRETS={','.join(done.secrets)}")
    if not provision.public_origin(settings):
        _print_message("No webhook was created: set KINORA_PUBLIC_URL to the https address of this server.")
    return 0


def _reconcile_stripe(_options: argparse.Namespace) -> int:
    from api.billing.events import reconcile
    from api.errors import Problem
    from api.sql import connection

    _silence_logs()
    settings = _read_server_settings()
    if not settings.stripe_key:
        raise _CommandError("KINORA_STRIPE_KEY is not set. Set it to the secret key of your Stripe account.")
    try:
        print("\n".join(asyncio.run(reconcile.reconcile_now(settings))))
    except (*connection.AWAY, connection.DatabaseUnavailableError, Problem) as error:
        raise _CommandError(str(error)) from error
    return 0


def _run_doctor(_options: argparse.Namespace) -> int:
    from api.local import doctor

    _silence_logs()
    return doctor.run_doctor(_read_settings())


if __name__ == "__main__":
    sys.exit(main())
