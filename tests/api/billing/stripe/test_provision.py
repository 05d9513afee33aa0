"""`kinora stripe sync` and `kinora doctor`, against Stripe's double as a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.billing.stripe import provision, reads
from api.billing.stripe.event_types import EVENTS
from api.billing.tariff import tariff
from api.local import doctor
from api.settings import Settings
from tests.api.test_cli import kinora
from tests.support.stripe_process import KEY, StripeProcess, run_stripe_process

ORIGIN = "https://video.example.org"


@pytest.fixture
async def stripe_process(base_settings: Settings) -> AsyncIterator[StripeProcess]:
    async with run_stripe_process(base_settings) as stripe_process:
        yield stripe_process


async def test_a_second_provisioning_changes_nothing(stripe_process: StripeProcess) -> None:
    variables: dict[str, Any] = {
        "KINORA_STRIPE_KEY": KEY,
        "KINORA_STRIPE_URL": stripe_process.url,
        "KINORA_PUBLIC_URL": ORIGIN,
        "KINORA_SECRET": "a secret for tests only, of no value",
    }
    status, said, complained = await kinora("stripe", "sync", **variables)
    assert (status, complained) == (0, "")
    assert "made the price kinora_plus_v1: 999 usd a month" in said
    secrets = re.search(r"^KINORA_STRIPE_WEBHOOK_SECRETS=(whsec_\w+),(whsec_\w+)$", said, re.MULTILINE)
    assert secrets
    assert secrets[1] != secrets[2]
    before = await everything(stripe_process)
    assert await kinora("stripe", "sync", **variables) == (
        0,
        "nothing to do: Stripe matches the tariff\n",
        "",
    )
    assert await everything(stripe_process) == before


async def everything(stripe_process: StripeProcess) -> list[object]:
    paths = (
        *("products", "prices", "billing/meters", "billing_portal/configurations", "webhook_endpoints"),
        "events",
    )
    return [(await stripe_process.call_stripe("GET", f"/v1/{path}", limit=100))["data"] for path in paths] + [
        (await stripe_process.call_stripe("GET", "/v2/core/event_destinations"))["data"]
    ]


async def test_lost_secrets_are_replaced(stripe_process: StripeProcess) -> None:
    first = provision.AccountSync(stripe_process.stripe, tariff.load_tariff())
    await first.sync_all(ORIGIN)
    again = provision.AccountSync(stripe_process.stripe, tariff.load_tariff())
    await again.sync_all(ORIGIN, new_secrets=True)
    assert len(again.secrets) == 2
    assert not set(first.secrets) & set(again.secrets)
    [endpoint] = (await stripe_process.call_stripe("GET", "/v1/webhook_endpoints"))["data"]
    assert endpoint["url"] == f"{ORIGIN}/v1/webhooks/stripe"
    assert len((await stripe_process.call_stripe("GET", "/v2/core/event_destinations"))["data"]) == 1


async def test_an_endpoint_that_hears_of_other_things_is_mended(stripe_process: StripeProcess) -> None:
    await provision.AccountSync(stripe_process.stripe, tariff.load_tariff()).sync_all(ORIGIN)
    [endpoint] = (await stripe_process.call_stripe("GET", "/v1/webhook_endpoints"))["data"]
    changes = {"enabled_events[0]": "invoice.paid", "disabled": "true"}
    await stripe_process.call_stripe("POST", f"/v1/webhook_endpoints/{endpoint['id']}", **changes)
    again = provision.AccountSync(stripe_process.stripe, tariff.load_tariff())
    await again.sync_all(ORIGIN)
    assert (again.steps, again.secrets) == (["changed the webhook endpoint"], [])
    [mended] = (await stripe_process.call_stripe("GET", "/v1/webhook_endpoints"))["data"]
    assert (mended["status"], sorted(mended["enabled_events"])) == ("enabled", sorted(EVENTS))


async def test_a_price_that_was_sold_is_never_changed(stripe_process: StripeProcess, tmp_path: Path) -> None:
    await provision.AccountSync(stripe_process.stripe, tariff.load_tariff()).sync_prices()
    cheaper = tmp_path / "tariff.toml"
    cheaper.write_text(tariff.DEFAULT.read_text().replace("amount = 999 ", "amount = 899 "))
    with pytest.raises(provision.ProvisionError, match=r"kinora_plus_v1 for 999 usd, and the tariff says 899 usd"):
        await provision.AccountSync(stripe_process.stripe, tariff.load_tariff(cheaper)).sync_prices()


async def test_the_next_version_gets_a_price_beside_the_old_one(stripe_process: StripeProcess, tmp_path: Path) -> None:
    await provision.AccountSync(stripe_process.stripe, tariff.load_tariff()).sync_prices()
    dearer = tmp_path / "tariff.toml"
    text = tariff.DEFAULT.read_text()
    plan = "[[plans]]" + text.split("[[plans]]")[2]
    second = plan.replace("version = 1", "version = 2").replace("amount = 999", "amount = 1099")
    dearer.write_text(text.replace(plan, f"{plan}\n{second}"))
    again = provision.AccountSync(stripe_process.stripe, tariff.load_tariff(dearer))
    await again.sync_prices()
    assert again.steps == ["made the price kinora_plus_v2: 1099 usd a month, in smallest units"]
    assert {"kinora_plus_v1", "kinora_plus_v2"} <= (
        await reads.list_prices(stripe_process.stripe, ["kinora_plus_v1", "kinora_plus_v2"])
    ).keys()


async def test_an_unreachable_address_gets_no_event_target(stripe_process: StripeProcess) -> None:
    private = msgspec.structs.replace(stripe_process.settings, stripe_url="", public_url="")
    assert provision.public_origin(private) is None
    assert provision.public_origin(msgspec.structs.replace(private, public_url=ORIGIN)) == ORIGIN


async def test_without_a_key_it_says_what_to_set() -> None:
    status, said, complained = await kinora("stripe", "sync", KINORA_STRIPE_KEY="")
    assert (status, said) == (1, "")
    assert "KINORA_STRIPE_KEY" in complained


async def test_a_key_stripe_does_not_know_is_a_sentence(stripe_process: StripeProcess) -> None:
    variables: dict[str, Any] = {"KINORA_STRIPE_KEY": "sk_test_wrong", "KINORA_STRIPE_URL": stripe_process.url}
    status, said, complained = await kinora("stripe", "sync", **variables)
    assert (status, said) == (1, "")
    assert "Invalid API Key" in complained
    assert "Traceback" not in complained


async def test_doctor_compares_the_account_with_the_tariff(stripe_process: StripeProcess) -> None:
    settings = msgspec.structs.replace(stripe_process.settings, public_url=ORIGIN, stripe_webhook_secrets=["whsec_x"])
    lacking = await doctor._check_stripe(settings)
    assert lacking.grade == "lack"
    assert "kinora_plus_v1" in lacking.sentence
    assert (await stripe_process.call_stripe("GET", "/v1/products"))["data"] == []
    await provision.provision_account(settings)
    assert (await doctor._check_stripe(settings)).grade == "ok"
    closed = await doctor._check_stripe(msgspec.structs.replace(settings, stripe_webhook_secrets=[]))
    assert (closed.grade, "KINORA_STRIPE_WEBHOOK_SECRETS" in closed.sentence) == ("lack", True)
    wrong = await doctor._check_stripe(msgspec.structs.replace(settings, stripe_key="sk_test_wrong"))
    assert (wrong.grade, "Invalid API Key" in wrong.sentence) == ("lack", True)
    assert (await doctor._check_stripe(msgspec.structs.replace(settings, stripe_key=""))).grade == "note"


def test_a_web_process_starts_without_stripes_library() -> None:
    """It takes a fifth of a second to import, and most processes never sell anything."""
    code = "import sys, api.serve, api.worker.main; sys.exit('stripe' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
