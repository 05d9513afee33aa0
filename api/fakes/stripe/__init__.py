"""A stateful double of Stripe: an application of its own, run as a process and reached only by URL.

    python -m api.fakes.stripe --data FOLDER|:memory: [--host 127.0.0.1] [--port 0 | --fd N] [--key sk_test_…]

It prints `ready URL` when it answers, unless it was handed its socket. The key is `sk_test_local` unless another is
given. It speaks version 2026-10-28.endive of the API: customers, products, prices, checkout sessions, the billing
portal, subscriptions and their schedules, invoices with previews, payments, refunds, disputes, meters, events,
webhook endpoints and thin event destinations. Cards are Stripe's test cards. What Stripe would refuse it refuses,
unknown parameters too; what only this double cannot do it refuses by name.

Time is real time plus an offset that only grows. Going ahead lives through everything on the way in its order: trials
end, periods turn (their invoice is a draft for an hour, as at Stripe), payments are tried again. Only the time inside a
webhook's signature is always real.

What Stripe does not have is under `/_local`, in JSON, without a key:

GET  /_local/clock               {now}
POST /_local/clock               {seconds, days, to}: go ahead; answers {now, steps}
POST /_local/faults              {kind, route, count, probability, seed, …}: requests go wrong. `kind` is 500_before,
                                 500_after, reset_before, reset_after, timeout_before, timeout_after, slow, 409 or 429;
                                 before and after mean the commit. `route` is a pattern as `POST /v1/refunds*`, `count`
                                 how often (1; null: always), `probability`, drawn from `seed`, how likely each time,
                                 `seconds` how long it hangs (60); `retry_after` and `should_retry` become headers
POST /_local/faults/deliveries   the same for deliveries: `kind` is duplicate (`times`), delay (`seconds`), reorder
                                 (each late by a random part of `seconds`) or drop; `route` is a pattern of event types
GET, DELETE /_local/faults       the rules and how often they struck; none any more
POST /_local/cards               {customer, count, decline_code}: the next payments fail (count null: all, 0: none)
POST /_local/retries             {after: canceled | unpaid | past_due}: what follows the last failed retry
POST /_local/disputes            {payment_intent | charge, reason}: open a dispute; answers it
POST /_local/disputes/ID/close   {outcome: won | lost}
GET  /_local/deliveries          the newest, limit=100: {data: [{event, type, target, tries, state, answer, …}]}
POST /_local/deliveries/flush    {all}: returns when everything due has been tried, with `all` also what waits for
                                 later; answers {tried, waiting}
POST /_local/reset               {}: forget everything
"""
