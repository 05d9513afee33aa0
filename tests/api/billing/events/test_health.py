"""Events that are stuck are shown by the metrics and by the doctor."""

from __future__ import annotations

import msgspec

from api.http.metrics import REGISTRY, DatabaseGauges
from api.http.state import AppState
from api.local import doctor
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import insert_event, run_query


async def test_the_operator_sees_stuck_events(real: AppState, local: StripeProcess) -> None:
    await insert_event(real.pool, "evt_1", "invoice", "in_1")
    await insert_event(real.pool, "evt_2", "invoice", "in_2")
    await run_query(
        real.pool,
        "UPDATE stripe_events SET not_before = 'infinity', error = 'PaymentRequestRejected: gone',"
        " received_at = now() - interval '2 days' WHERE id = 'evt_1'",
    )
    await DatabaseGauges().refresh(real.pool, real.settings.data)
    shown = {
        state: REGISTRY.get_sample_value("kinora_stripe_events", {"state": state}) for state in ("waiting", "parked")
    }
    assert shown == {"waiting": 1, "parked": 1}
    assert (REGISTRY.get_sample_value("kinora_stripe_event_oldest_seconds") or 0) > 172_000
    finding = await doctor._check_payments(
        msgspec.structs.replace(local.settings, database_url=real.settings.database_url)
    )
    assert finding.grade == "note"
    assert "PaymentRequestRejected: gone" in finding.sentence
