"""What the ledger should be, in a few sums over plain numbers. Written without a look at how it is done in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Literal

Bucket = Literal["allowance", "purchased", "overage"]
ORDER = ("allowance", "purchased", "overage")


@dataclass(eq=False)
class Lot:
    """Credits given together. What may be spent of them follows from what became of them."""

    bucket: Bucket
    granted: int
    expires_at: datetime | None
    payment: str | None = None
    monthly: bool = False
    expired: bool = False
    held: int = 0
    spent: int = 0
    removed: int = 0
    due: dict[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return max(0, self.granted - self.held - self.spent - self.removed - sum(self.due.values()))


@dataclass
class Hold:
    """What a generation set aside, lot by lot."""

    parts: list[tuple[Lot, int]]
    open: bool = True

    @property
    def credits(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass
class LedgerModel:
    """One person's credits."""

    month_end: datetime
    monthly: dict[str, int]
    lots: list[Lot] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    grant_keys: set[str] = field(default_factory=set)
    claims: dict[str, tuple[str, Fraction]] = field(default_factory=dict)
    overage_lines: dict[datetime, Lot] = field(default_factory=dict)
    plan: str = "free"
    status: str | None = None
    period: tuple[datetime, datetime] | None = None
    next_period: tuple[datetime, datetime] | None = None
    cap: int | None = None

    # -- what is there ------------------------------------------------------------------------------------

    def list_spendable(self) -> list[Lot]:
        """Lots that may be spent, in the order in which they are."""
        live = [lot for lot in self.lots if not lot.expired]
        return sorted(
            live, key=lambda lot: (ORDER.index(lot.bucket), lot.expires_at.timestamp() if lot.expires_at else 0)
        )

    def bucket_total(self, bucket: Bucket) -> int:
        return sum(lot.free for lot in self.list_spendable() if lot.bucket == bucket)

    @property
    def available(self) -> int:
        return sum(lot.free for lot in self.list_spendable())

    @property
    def held(self) -> int:
        return sum(hold.credits for hold in self.holds.values() if hold.open)

    @property
    def spent(self) -> int:
        return sum(lot.spent for lot in self.lots)

    @property
    def metered(self) -> int:
        return sum(lot.spent for lot in self.lots if lot.bucket == "overage")

    @property
    def open_overage(self) -> int:
        """Overage charged in the line that is open."""
        return sum(lot.spent for lot in self.list_spendable() if lot.bucket == "overage")

    # -- what happens -------------------------------------------------------------------------------------

    def ensure_monthly_allowance(self) -> None:
        """Whoever looks at a purse has the month's allowance by then."""
        if self.status is None and not any(lot.monthly for lot in self.list_spendable()):
            self.lots.append(Lot("allowance", self.monthly[self.plan], self.month_end, monthly=True))

    def hold(self, generation: str, credits: int) -> bool:
        before = [*self.lots]
        self.ensure_monthly_allowance()
        if credits > self.available:
            self.lots = before  # a refused hold is rolled back, and with it the allowance it would have granted
            return False
        parts, due = [], credits
        for lot in self.list_spendable():
            amount = min(due, lot.free)
            if amount:
                lot.held += amount
                due -= amount
                parts.append((lot, amount))
        self.holds[generation] = Hold(parts)
        return True

    def settle(self, generation: str, charge: int | None) -> bool:
        hold = self.holds.get(generation)
        if hold is None or not hold.open:
            return False
        hold.open, left = False, hold.credits if charge is None else charge
        for lot, amount in hold.parts:
            charged = min(left, amount)
            left -= charged
            lot.held -= amount
            lot.spent += charged
            self._regrant_expired(lot)
        return True

    def grant(self, key: str, lot: Lot) -> bool:
        if key in self.grant_keys:
            return False
        self.grant_keys.add(key)
        self.lots.append(lot)
        return True

    def claim(self, claim: str, payment: str, share: Fraction) -> None:
        self.claims[claim] = (payment, share)
        for lot in [lot for lot in self.lots if lot.payment == payment]:
            lot.due[claim] = int(lot.granted * share)
            self._regrant_expired(lot)

    def is_claim_complete(self, claim: str) -> bool:
        """Whether a claim has seen all that its payment granted by now."""
        return all(claim in lot.due for lot in self.lots if lot.payment == self.claims[claim][0])

    def _regrant_expired(self, lot: Lot) -> None:
        """What comes back to an expired allowance is good for the present period."""
        if lot.expired and (amount := lot.free):
            lot.removed += amount
            ends = [each.expires_at for each in self.list_spendable() if each.bucket == "allowance" and each.expires_at]
            self.lots.append(Lot("allowance", amount, max(ends, default=self.month_end)))

    def subscribe(self, plan: str, status: str | None) -> None:
        self.plan, self.status = plan, status
        self.period = self.known_period
        if status is None:
            self.cap = None
        self.sync_overage_line()

    @property
    def known_period(self) -> tuple[datetime, datetime] | None:
        """The period that is known once somebody asks about the subscription."""
        return self.next_period or self.period

    def set_overage_cap(self, cap: int | None) -> bool:
        """Whether it could be set."""
        if cap is not None and self.status != "active":
            return False
        self.cap = cap
        self.sync_overage_line()
        return True

    def sync_overage_line(self) -> None:
        """The line of overage is open while there is a cap and a plan that is paid for."""
        cap = self.cap or 0 if self.status == "active" else 0
        start, end = self.period or (None, None)
        present = self.overage_lines.get(start) if start else None
        for lot in self.lots:
            if lot.bucket == "overage" and lot is not present:
                lot.granted = 0
        if present is not None and cap:
            present.granted, present.expires_at, present.expired = cap, end, False
        elif present is not None:
            present.granted = 0
        elif start and cap:
            self.overage_lines[start] = Lot("overage", cap, end)
            self.lots.append(self.overage_lines[start])

    def is_overage_line_current(self) -> bool:
        """Whether the line is what is allowed in this very period."""
        line = self.overage_lines.get(self.period[0]) if self.period else None
        cap = 0 if line is None or line.expired else line.granted
        return cap == (self.cap or 0 if self.status == "active" else 0)

    def pass_time(self, period: tuple[datetime, datetime]) -> None:
        """Everything that can expire does, and the next period of the subscription begins; of it one is told later."""
        for lot in self.list_spendable():
            if lot.expires_at:
                lot.expired = True
                if lot.bucket == "overage":
                    lot.granted = 0
                else:
                    lot.removed += lot.free
        self.next_period = period
