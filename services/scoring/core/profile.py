"""Who an account is on a day: its known traits, its stage, whether it left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import day_of, day_of_us, micros
from services.scoring.core.fold.traits import ENDED, LAST_ON, RENAMED
from services.scoring.core.state import State

PLAIN = ("name", "domain", "segment", "plan", "owner", "mrr_minor", "currency", "seats", "parent_id")
_RENEWAL_DAYS = 90
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
    renews_at: int | None
    parent_id: str | None
    churned_at: int | None
    gone: Literal["merged", "erased"] | None
    """Why there is nothing more to say of it."""
    gone_in_words: str = ""


def trait(state: State, name: str) -> Any:
    """A known trait's value; the subscription's field beats it."""
    cell = state.subscription.get(name) if name in RENAMED else None
    cell = cell or state.traits.get(name)
    return None if cell is None else cell.value


def _instant(value: Any) -> int | None:
    return None if value is None else micros(datetime.fromisoformat(value))


def profile_of(state: State, now: datetime, catalogue: Catalogue) -> Profile:
    """The account's profile at an instant."""
    signed, renews = _instant(trait(state, "signed_at")), _instant(trait(state, "renews_at"))
    gone: Literal["merged", "erased"] | None = None
    gone_in_words = ""
    if state.erased:
        gone, gone_in_words = "erased", "the account was erased"
    elif state.merged is not None:
        gone, gone_in_words = "merged", f"the account goes on as {state.merged.value}"
    return Profile(
        **{name: trait(state, name) for name in PLAIN},
        stage=trait(state, "stage") or _stage(state, day_of(now), signed, renews, catalogue),
        signed_at=signed,
        renews_at=renews,
        churned_at=_churned_at(state),
        gone=gone,
        gone_in_words=gone_in_words,
    )


def _stage(state: State, today: int, signed: int | None, renews: int | None, catalogue: Catalogue) -> str:
    if renews is not None and 0 <= day_of_us(renews) - today <= _RENEWAL_DAYS:
        return "renewal"
    if signed is None:
        return "adopting"
    age = today - day_of_us(signed)
    if age <= _ONBOARDING_DAYS and any(name not in state.milestones for name in catalogue.milestones):
        return "onboarding"
    return "mature" if age >= _MATURE_DAYS else "adopting"


def _churned_at(state: State) -> int | None:
    """When it left, unless it came back: a subscription that is on, named later, takes the leaving back."""
    status, said = state.subscription.get("status"), state.churned
    ended = status is not None and status.value in ENDED
    on = state.subscription.get(LAST_ON) if ended else status
    left = [status.at] if status is not None and ended else []
    if said is not None and (on is None or said.at >= on.at):
        left.append(said.at)
    return min(left, default=None)
