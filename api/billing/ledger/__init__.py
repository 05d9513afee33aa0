"""Credits: a double-entry ledger of lots, holds and entries. Knows nothing of Stripe.

The life of a credit:

1. Grant. `grants` or `credits` adds a lot, and books `granted` → `available`. A lot of the bucket `allowance` comes
   each month by the calendar or with a paid invoice, `purchased` with a pack, and `overage` when a user allows it.
2. Hold. When a video is queued, `CreditLedger.hold` takes its price from the lots, the first to expire first, and books
   `available` → `held`. The hold remembers the lots.
3. Settle. When the video is done, `CreditLedger.settle` books what it cost as `held` → `revenue`.
4. Release. The rest of the hold goes back to its lots, `held` → `available`. Of a lot that has expired meanwhile, it is
   granted again to the present period.
5. Invoice. Overage that was charged is queued as a meter event, which `events.metering` reports to Stripe; Stripe puts
   it on the next invoice of the subscription.

At any time a lot may expire (`lots.expire_lots`, `available` → `expired`), and a refund or a dispute may take credits
back (`clawbacks`, `available` → `returned`). Everything runs in the transaction of its caller, under the lock of the
user (`sql.ledger.ledger_users.lock_user`).
"""
