"""Events that are stuck are shown by the metrics and by the doctor."""

from __future__ import annotations

import msgspec

from api.http.metrics import REGISTRY, DatabaseGauges
from api.http.state import AppState
from api.local import doctor
from tests.support.stripe_process import StripeProcess
from tests.support.subscribers import insert_event, run_query


async def test_the_operator_sees_stuck_events(isolated_state: AppState, stripe_process: StripeProcess) -> None:
    await insert_event(isolated_state.pool, "evt_1", "invoice", "in_1")
    await insert_event(isolated_state.pool, "evt_2", "invoice", "in_2")
    await run_query(
        isolated_state.pool,
        """
        UPDATE stripe_events
        SET not_before = 'infinity', error = 'PaymentRequestRejected: gone', received_at = now() - interval '2 days'
        WHERE id = 'evt_1'
        """,
    )
    await DatabaseGauges().refresh(isolated_state.pool, isolated_state.settings.data)
    shown = {
        state: REGISTRY.get_sample_value("kinora_stripe_events", {"state": state}) for state in ("waiting", "parked")
    }
    assert shown == {"waiting": 1, "parked": 1}
    assert (REGISTRY.get_sample_value("kinora_stripe_event_oldest_seconds") or 0) > 172_000
    finding = await doctor._check_payments(
        msgspec.structs.replace(stripe_process.settings, database_url=isolated_state.settings.database_url)
    )
    assert finding.grade == "note"
    assert "PaymentRequestRejected: gone" in finding.sentence
