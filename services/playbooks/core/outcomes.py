"""What is noted while playbooks work, so that one can say later what came of it: how an account stood when a playbook
first fired for it, what was sent, and what became of its contracts.

Each is a small row, noted in the transaction in which it happened: nothing has to be found out afterwards.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.standing import Standing

_STEP: Final = timedelta(days=27)
"""A renewal that moves by less was put right, not renewed."""


class Firing(NamedTuple):
    """The first firing of an episode, and how its account stood then. The table's columns are made of these fields."""

    episode_id: str
    account_id: str
    playbook: str
    fired_at: datetime
    shadow: bool
    """Nobody was asked for anything, as the playbook was being tried."""
    held_out: bool
    """Nobody was, as the account is of the share that is held out."""
    holdout: int
    """How large that share was, in percent."""
    score: int | None
    """In hundredths of a point."""
    band: str
    stage: str
    leaving: bool
    touched_at: datetime | None = None
    """When somebody first did something about what it had asked for."""
    touched_by: str | None = None
    ended_at: datetime | None = None
    ended_as: str = ""


class Sending(NamedTuple):
    """A message, survey or call that an episode asked for, which nobody works through."""

    action_id: str
    episode_id: str
    playbook: str
    account_id: str
    at: datetime
    delivery: str = ""
    """What became of it: delivered, failed or cancelled; empty while nothing is known."""


class Outcome(NamedTuple):
    """What became of a contract (its kind is `renewed`), or of the account itself (`left`), by when it was due."""

    account_id: str
    kind: str
    due_at: datetime
    at: datetime
    """When that was known; later words of the same change only what it brings."""
    before_minor: int | None
    after_minor: int | None
    currency: str | None
    stands: bool = True
    """False: it was taken back."""


def firing(episode: Episode, stands: Standing, now: datetime, playbook: Playbook) -> Firing:
    """Note how the account stands when an episode first fires."""
    return Firing(
        episode_id=episode.id,
        account_id=episode.account,
        playbook=episode.playbook,
        fired_at=now,
        shadow=playbook.shadow,
        held_out=episode.held_out,
        holdout=playbook.holdout,
        score=stands.score,
        band=stands.band,
        stage=str(stands.facts.get("account.stage") or ""),
        leaving=stands.facts.get("account.leaving") is True,
    )


def outcomes(before: Standing | None, stands: Standing) -> Iterator[Outcome]:
    """What an assessment says that has become of the account's contracts since the one before."""
    if before is None or stands.gone is not None:
        return
    was, facts = before.facts, stands.facts
    if (due := _instant(facts, "contract.renewed_at")) is not None:
        yield from _taken_back(before, stands, due)
        names = ("contract.renewed_at", "contract.renewed_from_minor", "contract.renewed_minor")
        earlier = _instant(was, "contract.renewed_at")
        if (earlier is None or due >= earlier) and any(was.get(name) != facts.get(name) for name in names):
            yield _renewed(stands, due, facts.get(names[1]), facts.get(names[2]))
    elif _instant(was, "contract.renewed_at") is not None:
        yield from _taken_back(before, stands, None)
    elif (due := _moved_on(was, facts)) is not None:
        yield _renewed(stands, due, was.get("account.mrr_minor"), facts.get("account.mrr_minor"))
    left, known = _instant(facts, "account.churned_at"), _instant(was, "account.churned_at")
    if left is not None and known is None:
        lost, currency = _whole(was.get("account.mrr_minor")), was.get("account.currency")
        yield Outcome(stands.account, "left", left, stands.at, lost, 0, str(currency) if currency else None)


def _renewed(stands: Standing, due: datetime, before: Any, after: Any) -> Outcome:
    currency = stands.facts.get("account.currency")
    amounts = _whole(before), _whole(after)
    return Outcome(stands.account, "renewed", due, stands.at, *amounts, str(currency) if currency else None)


def _taken_back(before: Standing, stands: Standing, due: datetime | None) -> Iterator[Outcome]:
    """What was said to be renewed, and is not any more."""
    was = _instant(before.facts, "contract.renewed_at")
    if was is not None and (due is None or due < was):
        yield _renewed(stands, was, None, None)._replace(stands=False)


def _moved_on(was: dict[str, Any], facts: dict[str, Any]) -> datetime | None:
    """The end of a contract that traits alone tell of, where it moved on; of subscriptions more is known."""
    if any(known.get("contract.subscriptions") is not None for known in (was, facts)):
        return None
    before, after = _instant(was, "contract.ends_at"), _instant(facts, "contract.ends_at")
    gone = facts.get("account.churned") is True
    return before if before is not None and after is not None and after - before >= _STEP and not gone else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _instant(facts: dict[str, Any], name: str) -> datetime | None:
    value = facts.get(name)
    if not isinstance(value, str):
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
