"""Who an account is on a day: its known traits, what it buys, its stage, whether it left."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from services.scoring.core import subscriptions as subs
from services.scoring.core.catalogue import LOW_TOUCH, Catalogue, Onboarding
from services.scoring.core.clock import DAY_US, LAST_US, day_of, day_of_us, in_words, written_or_none
from services.scoring.core.state import State
from shared.conditions import Facts
from shared.messages.assessments import FactValue
from shared.messages.stamps import micros

_DATES: Final = ("signed_at", "renews_at", "churned_at", "came_back_at", "leaves_at")
BOOKS: Final = ("owner", "segment", "plan", "stage")
"""By which accounts are looked at together."""
_OF_TRAITS: Final = ("name", "domain", "segment", "owner", "parent_id", "excluded")
_BOUGHT: Final = ("mrr_minor", "currency", "plan", "seats")
_PLAIN: Final = (*_OF_TRAITS, *_BOUGHT)
MATURE_DAYS = 365


@dataclass(frozen=True, slots=True)
class Profile:
    """The known traits, as facts and measures need them. Instants are microseconds since 1970."""

    name: str | None
    domain: str | None
    segment: str | None
    plan: str | None
    owner: str | None
    mrr_minor: int | None
    currency: str | None
    seats: int | None
    signed_at: int | None
    """As the trait has it, else when the first subscription started."""
    renews_at: int | None
    """When its contract renews: the first to; what a month's billing period is for is none."""
    parent_id: str | None
    excluded: str | None
    """Why it is no customer, and so is not judged: internal, test or partner."""
    left: subs.Left | None
    gone: Literal["merged", "erased"] | None
    """Why there is nothing more to say of it."""
    gone_in_words: str = ""
    merged_into: str | None = None
    """The account that it goes on as."""
    came_back_at: int | None = None
    """When the customer, who had left, was one again."""
    figures: subs.Figures = field(default_factory=subs.Figures)
    rows: list[subs.Row] = field(default_factory=list)
    """The subscriptions that count."""
    end: subs.End | None = None
    """The first of its contracts' ends."""
    lapsed: bool = False
    """A contract is past its end, lives on and doesn't renew."""
    leaves_at: int | None = None
    """When the customer leaves: an end is set to all that it buys."""
    region: str | None = None
    """The trait of this name, where it is a text."""
    known: Mapping[str, FactValue] = field(default_factory=dict)
    """All of this as facts, but the stage, which may follow from them."""
    onboarding: Onboarding = LOW_TOUCH
    onboarding_ends_at: int | None = None
    """When its onboarding ends, or ended; None where it has none."""
    stage: str = "adopting"

    @property
    def churned_at(self) -> int | None:
        """When the customer left."""
        return None if self.left is None else self.left.at

    @property
    def churn_reason(self) -> str | None:
        """Why the customer left, as far as somebody said."""
        return None if self.left is None else self.left.reason or None

    @property
    def churn_voluntary(self) -> bool | None:
        """Whether the customer who left chose to."""
        return None if self.left is None else self.left.voluntary

    @property
    def left_in_words(self) -> str:
        """That, when and why the customer left."""
        if self.left is None:
            return ""
        how = "left" if self.left.voluntary else "left involuntarily"
        why = f' because "{self.left.reason.replace("_", " ")}"' if self.left.reason else "; nobody said why"
        return f"{how} on {in_words(self.left.at)}{why}"

    @property
    def back_in_words(self) -> str:
        """When the customer came back."""
        return "" if self.came_back_at is None else f"came back on {in_words(self.came_back_at)}"

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


def _text(state: State, name: str) -> str | None:
    value = trait(state, name)
    return value if isinstance(value, str) else None


def _instant(value: Any) -> int | None:
    return None if value is None else micros(datetime.fromisoformat(value))


def profile_of(id: str, state: State, now: datetime, catalogue: Catalogue) -> Profile:
    """The account's profile at an instant."""
    profile = _known(state, micros(now), catalogue)
    known = _facts(id, profile, state, catalogue)
    model = catalogue.onboarding_of(Facts.of(known), now)
    ends_at = _onboarding_ends(state, profile.signed_at, model)
    stage = trait(state, "stage") or _stage(profile, day_of(now), ends_at)
    return replace(profile, known=known, onboarding=model, onboarding_ends_at=ends_at, stage=stage)


def _known(state: State, at: int, catalogue: Catalogue) -> Profile:
    said, renews = _instant(trait(state, "signed_at")), _instant(trait(state, "renews_at"))
    bought = {name: trait(state, name) for name in _BOUGHT}
    rows = subs.beside(subs.rows_of(state), bought) if state.subscriptions else []
    figures = subs.figures_of(rows, bought, at, catalogue.rates)
    ends, lapsed = subs.ends_of(rows, figures, at)
    if renews is not None and not any("renews_at" in row.fields for row in rows):
        ends.append(subs.end_of_trait(renews, at))
    left = subs.left_of(state.churned(), rows, said, at)
    gone: Literal["merged", "erased"] | None = None
    gone_in_words, merged_into = "", None
    if state.erased:
        gone, gone_in_words = "erased", "the account was erased"
    elif state.merged is not None:
        gone, merged_into = "merged", state.merged.value
        gone_in_words = f"the account goes on as {merged_into}"
    return Profile(
        **{name: trait(state, name) for name in _OF_TRAITS},
        plan=figures.plan,
        mrr_minor=figures.mrr_minor,
        currency=figures.currency,
        seats=figures.seats,
        signed_at=said if said is not None else min((row.started for row in rows), default=None),
        renews_at=min((one.at for one in ends if one.renews), default=None),
        left=left,
        came_back_at=None if left is not None else subs.came_back(state.churned(), rows, said, at),
        gone=gone,
        gone_in_words=gone_in_words,
        merged_into=merged_into,
        figures=figures,
        rows=rows,
        end=min(ends, key=lambda one: (one.at, one.term_months, one.notice_days), default=None),
        lapsed=lapsed,
        leaves_at=subs.leaves_at(rows, at),
        region=_text(state, "traits.region"),
    )


def _facts(id: str, profile: Profile, state: State, catalogue: Catalogue) -> dict[str, FactValue]:
    found: dict[str, Any] = {
        "account.id": id,
        "account.is_key": _is_key(profile.figures, catalogue),
        "account.churned": profile.left is not None,
        "account.churn_reason": profile.churn_reason,
        "account.churn_voluntary": profile.churn_voluntary,
        "account.leaving": profile.leaves_at is not None,
        **{f"account.{name}": getattr(profile, name) for name in _PLAIN},
        **{f"account.{name}": written_or_none(getattr(profile, name)) for name in _DATES},
        "account.customer_since": written_or_none(state.first if profile.signed_at is None else profile.signed_at),
    }
    for name in catalogue.traits:
        cell = state.traits.get(f"traits.{name}")
        if cell is not None:
            found[f"account.traits.{name}"] = _of_trait(cell.value)
    return {name: value for name, value in found.items() if value is not None}


def _of_trait(value: Any) -> Any:
    """A trait as a fact: what is in a list as text; of an object no condition could say anything."""
    if isinstance(value, list):
        return [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in value]
    return None if isinstance(value, dict) else value


def _is_key(figures: subs.Figures, catalogue: Catalogue) -> bool | None:
    """Whether it pays as much as a key account does; None where that isn't known, or nobody said how much that is."""
    least, minor, own, common = catalogue.key_account_minor, figures.mrr_minor, figures.currency, catalogue.reference
    if minor is not None and own is not None and common is not None and own != common:
        minor = subs.convert(minor, own, common, catalogue.rates)
    return None if least is None or minor is None else minor >= least


def _onboarding_ends(state: State, signed: int | None, model: Onboarding) -> int | None:
    """With the last of its milestones, at the latest after its model's days."""
    if signed is None:
        return None
    latest = min((day_of_us(signed) + model.days + 1) * DAY_US, LAST_US)
    reached = [at for name in model.milestones if (at := state.milestones.get(name)) is not None]
    return min(latest, max(reached)) if reached and len(reached) == len(model.milestones) else latest


def _stage(profile: Profile, today: int, onboarding_ends: int | None) -> str:
    """By the day: onboarding comes before all else, as nobody is renewed who hasn't arrived."""
    if onboarding_ends is not None and today * DAY_US < onboarding_ends:
        return "onboarding"
    end = profile.end
    if end is not None and 0 <= day_of_us(end.at) - today <= end.lead_days:
        return "renewal"
    signed = profile.signed_at
    return "mature" if signed is not None and today - day_of_us(signed) >= MATURE_DAYS else "adopting"
