"""What playbooks achieved, as it is told."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel

from services.playbooks.core.comparing import Compared, Fair, Group
from services.playbooks.core.effect import Share, Times, totals
from services.playbooks.views.people import Money
from shared.words import shares


class Span(BaseModel, from_attributes=True):
    """A figure between two bounds that hold it with 95 %."""

    value: float
    low: float
    high: float

    @classmethod
    def maybe(cls, known: shares.Span | None) -> Self | None:
        """It, where there are enough to tell."""
        return None if known is None else cls(**known._asdict())


class Took(BaseModel):
    """How long something took: how often it happened; of fewer than ten the times are null."""

    n: int
    median_seconds: float | None
    p90_seconds: float | None

    @classmethod
    def of(cls, times: Times) -> Self:
        """As it is shown."""
        return cls(n=times.n, median_seconds=times.median, p90_seconds=times.most)


class Kept(Money):
    """Revenue kept a month: the lower of what contracts brought before and after they renewed, shared by who helped."""

    renewals: int

    @classmethod
    def of(cls, found: list[Share]) -> list[Self]:
        """By currency."""
        return [cls(currency=name, amount_minor=minor, renewals=n) for name, (minor, n) in totals(found).items()]


class Messages(BaseModel):
    """What became of the messages."""

    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    waiting: int = 0
    """Of these nothing is known yet."""


class Fired(BaseModel):
    """How often it fired, as episodes, and how these ended: the six after `fired` sum to it."""

    fired: int = 0
    running: int = 0
    over_by_itself: int = 0
    """What it was about has passed."""
    all_done: int = 0
    """All its steps were done."""
    false_alarm: int = 0
    ended_from_outside: int = 0
    """Somebody, or another playbook, ended it."""
    customer_left: int = 0
    found: int = 0
    """What held before anybody looked, and nobody has started: it is no firing."""
    held_out: int = 0
    """What fired for the share that is held out: nothing was asked for."""
    in_shadow: int = 0
    """What it decided while it was being tried."""


class Flags(BaseModel):
    """What became of chances to grow."""

    open: int = 0
    accepted: int = 0
    dismissed: int = 0
    won: int = 0
    lost: int = 0
    closed: int = 0
    won_minor: list[Money] = []


class EffectLine(BaseModel):
    """What one playbook came to, in short."""

    playbook: str
    title: str
    episodes: Fired
    tasks: dict[str, int]
    """By state: done, no_result, false_alarm, closed (over before anybody had to), and those that are open."""
    alerts: dict[str, int]
    flags: Flags
    first_touch: Took
    """From firing until somebody first did something about it."""
    messages: Messages
    kept: list[Kept]


class Score(BaseModel):
    """How scores moved so many days after, beside accounts in the same state that nobody touched."""

    days: int
    n: int
    """How many are compared."""
    of: int
    """How many firings somebody followed up, or something was sent for; of over 500 that many are looked at."""
    waiting: int
    """Of how many more these days are not over."""
    alike: int
    """How many days of untouched accounts, of the same day, band and stage and at most five points off."""
    unmatched: int
    """How many have nobody alike."""
    unknown: int
    """How many have no score then; most of these left."""
    moved: Span | None
    others: float | None
    difference: Span | None
    biased: Literal[True] = True
    """Who is touched is chosen by people: the difference is no proof."""

    @classmethod
    def of_(cls, days: int, of: int, waiting: int, found: Compared) -> Self:
        """As it is shown."""
        spans = {name: Span.maybe(getattr(found, name)) for name in ("moved", "difference")}
        return cls(**found._asdict() | spans, days=days, of=of, waiting=waiting)


class HoldoutGroup(BaseModel):
    """One of the groups: its accounts, each by its first firing."""

    accounts: int
    scored: dict[int, int]
    """By days after: of how many the score is known, then and at firing."""
    waiting: dict[int, int]
    """By days after: of how many more these days are not over."""
    left: int
    """How many left within 90 days, of `through`."""
    through: int
    renewed: int
    """How many renewed within 180 days, of `due`: those who renewed or left."""
    due: int

    @classmethod
    def of(cls, group: Group) -> Self:
        """As it is shown."""
        scored = {days: len(moved) for days, moved in group.moved.items()}
        return cls(**group._asdict() | {"scored": scored})


class Holdout(BaseModel):
    """Who was reached against who was held out by chance: the honest figure."""

    percent: int
    """The share that is held out by the version in force."""
    reached: HoldoutGroup
    held_out: HoldoutGroup
    score: dict[int, Span | None]
    """By days after: by how many points the scores of who was reached moved more."""
    left: Span | None
    """By how many percent points more of them left within 90 days."""
    renewed: Span | None

    @classmethod
    def of(cls, percent: int, reached: Group, held_out: Group, found: Fair) -> Self:
        """As it is shown."""
        return cls(
            percent=percent,
            reached=HoldoutGroup.of(reached),
            held_out=HoldoutGroup.of(held_out),
            score={days: Span.maybe(one) for days, one in found.score.items()},
            left=Span.maybe(found.left),
            renewed=Span.maybe(found.renewed),
        )


class Effect(EffectLine):
    """What one playbook achieved by its firings of a time."""

    since: datetime
    until: datetime
    to_close: Took
    """From when people were asked until they closed it."""
    score: list[Score]
    holdout: Holdout | None
    """Null where it holds out nobody, and never did."""
    words: list[str]
    """What one must know to read these figures."""
