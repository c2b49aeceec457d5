"""What playbooks achieved, from what was noted while they worked: how long it took, and the revenue that was kept."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from shared.words import in_whole
from shared.words.means import LEAST

WITHIN: Final = timedelta(days=180)
"""How long after a firing a renewal counts as one that it helped to keep."""


class Times(NamedTuple):
    """How long something took, in seconds: how often it happened, the median, and what nine of ten took at most. Of
    fewer than ten there is the number alone."""

    n: int
    median: float | None
    most: float | None


def times(n: int, median: float | None, most: float | None) -> Times:
    """Those, as far as they may be told."""
    return Times(n, None, None) if n < LEAST else Times(n, median, most)


class Contract(NamedTuple):
    """A contract of an account that was renewed, by when it was due."""

    account_id: str
    due_at: datetime
    at: datetime
    """When it was renewed, as far as it was known."""
    before_minor: int
    after_minor: int
    currency: str


class Episode(NamedTuple):
    """A firing, as far as revenue may have been kept by it."""

    id: str
    account_id: str
    playbook: str
    fired_at: datetime
    at_risk: bool
    """Its account was red, or leaving, when it fired."""
    touched_at: datetime | None
    touched_by: str | None
    ended_at: datetime | None
    ended_as: str


class Share(NamedTuple):
    """What of a contract an episode kept, in minor units a month."""

    episode: Episode
    contract: Contract
    minor: int


def helped(episode: Episode, contract: Contract) -> bool:
    """Was the account red or leaving when it fired, did somebody do something before it ended, and was the contract,
    which was due later, renewed within 180 days? Who only called it a false alarm did nothing about it."""
    touched, ended = episode.touched_at, episode.ended_at
    return (
        episode.at_risk
        and episode.account_id == contract.account_id
        and touched is not None
        and episode.fired_at <= touched <= contract.at
        and (ended is None or touched <= ended)
        and episode.ended_as != "false_alarm"
        and contract.at <= episode.fired_at + WITHIN
        and contract.due_at.date() >= episode.fired_at.date()
    )


def kept(pairs: Iterable[tuple[Episode, Contract]]) -> list[Share]:
    """The revenue that was kept: of each contract the lower of what it brought before and after, once, in equal shares
    by the episodes that helped. Shares are whole minor units and sum to it exactly, in whatever order they come."""
    contracts = dict[tuple[str, datetime], Contract]()
    who: defaultdict[tuple[str, datetime], dict[str, Episode]] = defaultdict(dict)
    for episode, contract in pairs:
        if helped(episode, contract):
            key = contract.account_id, contract.due_at
            contracts[key] = contract
            who[key][episode.id] = episode
    found: list[Share] = []
    for key, contract in sorted(contracts.items()):
        episodes = sorted(who[key].values(), key=lambda one: (one.fired_at, one.id))
        worth = max(0, min(contract.before_minor, contract.after_minor))
        parts = in_whole(dict.fromkeys(range(len(episodes)), Fraction(worth, len(episodes))), worth)
        found += [Share(one, contract, parts[place]) for place, one in enumerate(episodes)]
    return found


def totals(shares: Iterable[Share]) -> dict[str, tuple[int, int]]:
    """By currency: minor units a month, and of how many renewals."""
    minor, contracts = defaultdict[str, int](int), defaultdict[str, set[tuple[str, datetime]]](set)
    for one in shares:
        minor[one.contract.currency] += one.minor
        contracts[one.contract.currency].add((one.contract.account_id, one.contract.due_at))
    return {currency: (minor[currency], len(contracts[currency])) for currency in sorted(minor)}
