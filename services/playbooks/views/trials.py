"""What HTTP answers of playbooks that are tried before they are switched on, and of why one has not fired."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from services.playbooks.core.leaves import Place
from services.playbooks.core.outlook import State
from services.playbooks.trials import BACKTEST, DRY_RUN


class Told(BaseModel, from_attributes=True):
    """Something that is worked out elsewhere, and told as it is."""


class LeafView(Told):
    """One leaf with the value that it sees: `text` is what it needs."""

    where: Place
    text: str
    value: str
    truth: Literal["true", "false", "unknown"]
    words: str
    since: date | None
    """The UTC day since whose end it has been so, where that was recorded."""
    flips_at: datetime | None
    """When time alone will change it."""


class StepView(Told):
    """One step as it would be done: when, on the clock of who gets it, and why it is they."""

    step: int
    kind: str
    title: str
    when: str
    at: datetime | None
    brought_at: datetime | None
    due_at: datetime | None
    to: str | None
    because: str
    held_back: str | None
    """What trouble holds an offer back."""


class OneAccountView(Told):
    """One account, leaf by leaf; where nothing makes it fire, its steps are told as if it did now."""

    id: str
    name: str
    state: State
    at: datetime | None
    words: str
    leaves: list[LeafView]
    steps: list[StepView]


class TriedView(Told):
    """One account for which it fires, or will."""

    id: str
    name: str
    owner: str | None
    state: State
    at: datetime | None
    reasons: list[str]


class OwnedView(Told):
    """How many of an owner's accounts fire now, and within seven days."""

    owner: str | None
    now: int
    soon: int


class NumberedView(Told):
    """How many there are of something."""

    words: str
    number: int


class DryRunView(Told):
    """One playbook over all accounts as they stand, as if it were new; of one account alone, in `account`."""

    work: Literal["dry-run"]
    accounts: int
    for_accounts: int
    states: dict[State, int]
    now: int
    """Where it holds now: when it is switched on these are found so."""
    soon: int
    """Where it would fire within seven days if nothing else happened."""
    held_out: int
    """How many of those where it holds now it holds out: nothing is asked for there."""
    unknown: list[NumberedView]
    owners: list[OwnedView]
    people: list[NumberedView]
    """Messages for each if all that hold now were started."""
    shown: list[TriedView]
    words: list[str]
    account: OneAccountView | None


class RateView(Told):
    """How many of how many; the share in percent with 95 % bounds, none of fewer than ten."""

    number: int
    of: int
    share: float | None
    low: float | None
    high: float | None


class WarnedView(Told):
    """How well it warns of customers who leave."""

    within_days: int
    left: int
    precision: RateView
    """Of the firings that can be judged, those after which the account left within the days."""
    recall: RateView
    """Of those that left, those for which it fired within the days before."""
    base_rate: RateView
    """Of customers, looked at once a week: those that left within the days after."""
    lead_days: float | None
    """Between the first firing in the days before, and leaving: the median."""
    too_recent: int


class PersonMessagesView(Told):
    """What somebody would have got."""

    who: str
    messages: int
    a_week: float
    busiest_week: int
    weeks: list[int]
    """The messages of each week, as weeks are listed."""


class WeekView(Told):
    """A week from its Monday."""

    monday: date
    firings: int
    messages: int


class ShownView(Told):
    """One firing."""

    account: str
    name: str
    day: date
    reasons: list[str]


class BacktestView(Told):
    """One playbook over recorded days: when it would have fired, whom it would have told, and how well it warns."""

    work: Literal["backtest"]
    since: date
    until: date
    recorded_from: date | None
    accounts: int
    found: int
    firings: int
    fired_for: int
    messages: int
    people: list[PersonMessagesView]
    weeks: list[WeekView]
    shown: list[ShownView]
    """The latest 500."""
    warned: WarnedView | None
    words: list[str]
    """What is to be kept in mind about these numbers."""


assert (DRY_RUN, BACKTEST) == ("dry-run", "backtest")
Result = Annotated[DryRunView | BacktestView, Field(discriminator="work")]
"""What comes of a trial."""


class ReasonView(Told):
    """One thing that keeps it from firing, or why nobody heard of it."""

    code: str
    words: str
    until: datetime | None
    episode: str | None
    items: list[str]


class WhyNotView(BaseModel):
    """Why a playbook has not fired for an account, most important first."""

    playbook: str
    account: str
    name: str
    at: datetime
    words: str
    reasons: list[ReasonView]
    leaves: list[LeafView]


def truths(leaf: Any) -> dict[str, Any]:
    """A leaf as it is told."""
    names = ("where", "text", "value", "words", "since", "flips_at")
    return {**{name: getattr(leaf, name) for name in names}, "truth": leaf.truth.value}
