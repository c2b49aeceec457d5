"""Who an account is on a day: its known traits, what it buys, its stage, whether it left."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from services.scoring.core import subscriptions as subs
from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import day_of, day_of_us, in_words, micros
from services.scoring.core.state import State

PLAIN = ("name", "domain", "segment", "plan", "owner", "mrr_minor", "currency", "seats", "parent_id")
BOOKS: Final = ("owner", "segment", "plan", "stage")
"""By which accounts are looked at together."""
_OF_TRAITS: Final = ("name", "domain", "segment", "owner", "parent_id")
_BOUGHT: Final = ("mrr_minor", "currency", "plan", "seats")
_ONBOARDING_DAYS = 90
_MATURE_DAYS = 365


@dataclass(frozen=True, slots=True)
class Profile:
    """The known traits, as facts and measures need them. Instants are microseconds since 1970."""

    name: str | None
    domain: str | None
    segment: str | None
    plan: str | None
    stage: str
    owner: str | None
    mrr_minor: int | None
    currency: str | None
    seats: int | None
    signed_at: int | None
    """As the trait has it, else when the first subscription started."""
    renews_at: int | None
    """When its contract renews: the first to; what a month's billing period is for is none."""
    parent_id: str | None
    left: subs.Left | None
    gone: Literal["merged", "erased"] | None
    """Why there is nothing more to say of it."""
    gone_in_words: str = ""
    figures: subs.Figures = field(default_factory=subs.Figures)
    rows: list[subs.Row] = field(default_factory=list)
    """The subscriptions that count."""
    end: subs.End | None = None
    """The first of its contracts' ends."""
    lapsed: bool = False
    """A contract is past its end, lives on and doesn't renew."""
    leaves_at: int | None = None
    """When the customer leaves: an end is set to all that it buys."""

    @property
    def churned_at(self) -> int | None:
        """When the customer left."""
        return None if self.left is None else self.left.at

    @property
    def churn_reason(self) -> str | None:
        """Why the customer left, as far as somebody said."""
        return None if self.left is None else self.left.reason or None

    @property
    def left_in_words(self) -> str:
        """That, when and why the customer left."""
        if self.left is None:
            return ""
        how = "left" if self.left.voluntary else "left involuntarily"
        why = f' because "{self.left.reason.replace("_", " ")}"' if self.left.reason else "; nobody said why"
        return f"{how} on {in_words(self.left.at)}{why}"

    def next_end(self, now: int) -> int | None:
        """When, by what was said, the next subscription ends: to the microsecond."""
        return min((row.until for row in self.rows if row.until is not None and row.until > now), default=None)

    @property
    def book(self) -> tuple[str | None, ...]:
        """The values of `BOOKS`."""
        return self.owner, self.segment, self.plan, self.stage


def trait(state: State, name: str) -> Any:
    """A known trait's value."""
    cell = state.traits.get(name)
    return None if cell is None else cell.value


def _instant(value: Any) -> int | None:
    return None if value is None else micros(datetime.fromisoformat(value))


def profile_of(state: State, now: datetime, catalogue: Catalogue) -> Profile:
    """The account's profile at an instant."""
    at = micros(now)
    said = _instant(trait(state, "signed_at"))
    rows = subs.rows_of(state) if state.subscriptions else []
    figures = subs.figures_of(rows, {name: trait(state, name) for name in _BOUGHT}, at, catalogue.rates)
    ends, lapsed = subs.ends_of(rows, figures, at)
    if (
        not any("renews_at" in row.fields for row in rows)
        and (renews := _instant(trait(state, "renews_at"))) is not None
    ):
        ends.append(subs.end_of_trait(renews, at))
    end = min(ends, key=lambda one: (one.at, one.term_months, one.notice_days), default=None)
    signed = said if said is not None else min((row.started for row in rows), default=None)
    gone: Literal["merged", "erased"] | None = None
    gone_in_words = ""
    if state.erased:
        gone, gone_in_words = "erased", "the account was erased"
    elif state.merged is not None:
        gone, gone_in_words = "merged", f"the account goes on as {state.merged.value}"
    return Profile(
        **{name: trait(state, name) for name in _OF_TRAITS},
        plan=figures.plan,
        mrr_minor=figures.mrr_minor,
        currency=figures.currency,
        seats=figures.seats,
        stage=trait(state, "stage") or _stage(state, day_of(now), signed, end, catalogue),
        signed_at=signed,
        renews_at=min((one.at for one in ends if one.renews), default=None),
        left=subs.left_of(state, rows, said, at),
        gone=gone,
        gone_in_words=gone_in_words,
        figures=figures,
        rows=rows,
        end=end,
        lapsed=lapsed,
        leaves_at=subs.leaves_at(rows, at),
    )


def _stage(state: State, today: int, signed: int | None, end: subs.End | None, catalogue: Catalogue) -> str:
    age = None if signed is None else today - day_of_us(signed)
    if (
        age is not None
        and age <= _ONBOARDING_DAYS
        and any(name not in state.milestones for name in catalogue.milestones)
    ):
        return "onboarding"
    if end is not None and 0 <= day_of_us(end.at) - today <= end.lead_days:
        return "renewal"
    return "mature" if age is not None and age >= _MATURE_DAYS else "adopting"
