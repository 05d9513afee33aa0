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
    gone: int = 0
    due: dict[str, int] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return max(0, self.granted - self.held - self.spent - self.gone - sum(self.due.values()))


@dataclass
class Hold:
    """What a generation set aside, lot by lot."""

    parts: list[tuple[Lot, int]]
    open: bool = True

    @property
    def credits(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass
class Model:
    """One person's credits."""

    month_end: datetime
    monthly: dict[str, int]
    lots: list[Lot] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    claims: dict[str, tuple[str, Fraction]] = field(default_factory=dict)
    lines: dict[datetime, Lot] = field(default_factory=dict)
    plan: str = "free"
    status: str | None = None
    period: tuple[datetime, datetime] | None = None
    following: tuple[datetime, datetime] | None = None
    cap: int | None = None

    # -- what is there ------------------------------------------------------------------------------------

    def live(self) -> list[Lot]:
        """Lots that may be spent, in the order in which they are."""
        live = [lot for lot in self.lots if not lot.expired]
        return sorted(
            live, key=lambda lot: (ORDER.index(lot.bucket), lot.expires_at.timestamp() if lot.expires_at else 0)
        )

    def total(self, bucket: Bucket) -> int:
        return sum(lot.free for lot in self.live() if lot.bucket == bucket)

    @property
    def available(self) -> int:
        return sum(lot.free for lot in self.live())

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
    def used(self) -> int:
        """Overage charged in the line that is open."""
        return sum(lot.spent for lot in self.live() if lot.bucket == "overage")

    # -- what happens -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Whoever looks at a purse has the month's allowance by then."""
        if self.status is None and not any(lot.monthly for lot in self.live()):
            self.lots.append(Lot("allowance", self.monthly[self.plan], self.month_end, monthly=True))

    def hold(self, generation: str, credits: int) -> bool:
        self.look()
        if credits > self.available:
            return False
        parts, due = [], credits
        for lot in self.live():
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
            self._again(lot)
        return True

    def give(self, key: str, lot: Lot) -> bool:
        if key in self.given:
            return False
        self.given.add(key)
        self.lots.append(lot)
        return True

    def claim(self, claim: str, payment: str, share: Fraction) -> None:
        self.claims[claim] = (payment, share)
        for lot in [lot for lot in self.lots if lot.payment == payment]:
            lot.due[claim] = int(lot.granted * share)
            self._again(lot)

    def reaches(self, claim: str) -> bool:
        """Whether a claim has seen all that its payment granted by now."""
        return all(claim in lot.due for lot in self.lots if lot.payment == self.claims[claim][0])

    def _again(self, lot: Lot) -> None:
        """What comes back to an expired allowance is good for the present period."""
        if lot.expired and (amount := lot.free):
            lot.gone += amount
            ends = [each.expires_at for each in self.live() if each.bucket == "allowance" and each.expires_at]
            self.lots.append(Lot("allowance", amount, max(ends, default=self.month_end)))

    def subscribe(self, plan: str, status: str | None) -> None:
        self.plan, self.status = plan, status
        self.period = self.told
        if status is None:
            self.cap = None
        self.line()

    @property
    def told(self) -> tuple[datetime, datetime] | None:
        """The period that is known once somebody asks about the subscription."""
        return self.following or self.period

    def allow(self, cap: int | None) -> bool:
        """Whether it could be set."""
        if cap is not None and self.status != "active":
            return False
        self.cap = cap
        self.line()
        return True

    def line(self) -> None:
        """The line of overage is open while there is a cap and a plan that is paid for."""
        cap = self.cap or 0 if self.status == "active" else 0
        start, end = self.period or (None, None)
        present = self.lines.get(start) if start else None
        for lot in self.lots:
            if lot.bucket == "overage" and lot is not present:
                lot.granted = 0
        if present is not None and cap:
            present.granted, present.expires_at, present.expired = cap, end, False
        elif present is not None:
            present.granted = 0
        elif start and cap:
            self.lines[start] = Lot("overage", cap, end)
            self.lots.append(self.lines[start])

    def line_stands(self) -> bool:
        """Whether the line is what is allowed in this very period."""
        line = self.lines.get(self.period[0]) if self.period else None
        cap = 0 if line is None or line.expired else line.granted
        return cap == (self.cap or 0 if self.status == "active" else 0)

    def pass_time(self, period: tuple[datetime, datetime]) -> None:
        """Everything that can expire does, and the next period of the subscription begins; of it one is told later."""
        for lot in self.live():
            if lot.expires_at:
                lot.expired = True
                if lot.bucket == "overage":
                    lot.granted = 0
                else:
                    lot.gone += lot.free
        self.following = period
