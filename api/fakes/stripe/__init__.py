"""A stateful fake of Stripe: an application of its own, run as a process and reached only by URL.

    python -m api.fakes.stripe --data FOLDER|:memory: [--host 127.0.0.1] [--port 0 | --fd N] [--key sk_test_…]

It prints `ready URL` once it listens, unless it inherited its socket. The default key is `sk_test_local`.
It implements version 2026-10-28.endive of the API: customers, products, prices, checkout sessions, the billing
portal, subscriptions and their schedules, invoices with previews, payments, refunds, disputes, meters, events,
webhook endpoints and thin event destinations. Cards are Stripe's test cards. Requests that Stripe would reject are
rejected, unknown parameters included; what only this fake does not implement is rejected with a message that says so.

Time is real time plus an offset that only grows. Advancing the clock runs everything due on the way, in order: trials
end, subscriptions renew (their invoice stays a draft for an hour, as at Stripe), payments are retried. Only the
timestamp inside a webhook's signature is always real time.

Control routes that Stripe does not have are under `/_local`. They take and return JSON and need no key:

GET  /_local/clock               {now}
POST /_local/clock               {seconds, days, to}: advance the clock; returns {now, steps}
POST /_local/faults              {kind, route, count, probability, seed, …}: make requests fail. `kind` is 500_before,
                                 500_after, reset_before, reset_after, timeout_before, timeout_after, slow, 409 or 429;
                                 before and after mean the commit. `route` is a pattern such as `POST /v1/refunds*`,
                                 `count` how often (1; null: always), `probability`, drawn from `seed`, how likely each
                                 time, `seconds` how long it hangs (60); `retry_after` and `should_retry` become headers
POST /_local/faults/deliveries   the same for deliveries: `kind` is duplicate (`times`), delay (`seconds`), reorder
                                 (each late by a random part of `seconds`) or drop; `route` is a pattern of event types
GET, DELETE /_local/faults       list the rules and how often each kind occurred; remove all rules
POST /_local/cards               {customer, count, decline_code}: the next payments fail (count null: all, 0: none)
POST /_local/retries             {after: canceled | unpaid | past_due}: the outcome of the last failed retry
POST /_local/disputes            {payment_intent | charge, reason}: open a dispute; returns it
POST /_local/disputes/ID/close   {outcome: won | lost}
GET  /_local/deliveries          the newest, limit=100: {data: [{event, type, target, tries, state, answer, …}]}
POST /_local/deliveries/flush    {all}: attempt every due delivery, with `all` also those due later; returns
                                 {tried, waiting} when they have been attempted
POST /_local/reset               {}: delete everything
"""
