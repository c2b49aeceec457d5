"""What is noted while playbooks work, so that one can say later what came of it: how an account stood when a playbook
first fired for it, what was sent, and what became of its contracts.

Each is a small row, noted in the transaction in which it happened: nothing has to be found out afterwards.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.standing import Standing

Facts = Mapping[str, Any]
_RENEWED: Final = ("contract.renewed_at", "contract.renewed_from_minor", "contract.renewed_minor")
_ENDS: Final = "contract.ends_at"
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
    due, earlier = (_instant(known, _RENEWED[0]) for known in (facts, was))
    if due is not None and earlier is not None and due != earlier and due.date() == earlier.date():
        # Contracts that are due on one day are told as one, by the last of them.
        yield _taken_back(stands, earlier)
        yield _renewed(stands, due, *(facts.get(name) for name in _RENEWED[1:]))
    elif due is not None and (earlier is None or due >= earlier):
        if any(was.get(name) != facts.get(name) for name in _RENEWED):
            yield _renewed(stands, due, *(facts.get(name) for name in _RENEWED[1:]))
    elif (moved := _moved_on(was, facts)) is not None:
        is_one = was.get("account.currency") == facts.get("account.currency")
        brought = was.get("account.mrr_minor") if is_one else None
        yield _renewed(stands, moved, brought, facts.get("account.mrr_minor"))
    elif earlier is not None and not _goes_on(facts, earlier):
        # What was said to be renewed is not any more.
        yield _taken_back(stands, earlier)
    left, known = _instant(facts, "account.churned_at"), _instant(was, "account.churned_at")
    if left is not None and known is None:
        lost, currency = _whole(was.get("account.mrr_minor")), was.get("account.currency")
        yield Outcome(stands.account, "left", left, stands.at, lost, 0, str(currency) if currency else None)
    elif known is not None and left is None and not _came_back(facts, known):
        # That they had left was put right.
        yield Outcome(stands.account, "left", known, stands.at, None, None, None, stands=False)


def _renewed(stands: Standing, due: datetime, before: Any, after: Any) -> Outcome:
    currency = stands.facts.get("account.currency")
    amounts = _whole(before), _whole(after)
    return Outcome(stands.account, "renewed", due, stands.at, *amounts, str(currency) if currency else None)


def _taken_back(stands: Standing, due: datetime) -> Outcome:
    return _renewed(stands, due, None, None)._replace(stands=False)


def _moved_on(was: Facts, facts: Facts) -> datetime | None:
    """The end of a contract that traits alone tell of, where it moved on; of subscriptions more is known."""
    before = _instant(was, _ENDS)
    is_alone = all(known.get("contract.subscriptions") is None for known in (was, facts))
    return before if before is not None and is_alone and _goes_on(facts, before) else None


def _goes_on(facts: Facts, due: datetime) -> bool:
    """Does a contract that traits alone tell of go on beyond an end of it? They don't remember what was before."""
    ends = _instant(facts, _ENDS)
    is_alone = facts.get("contract.subscriptions") is None and facts.get("account.churned") is not True
    return is_alone and ends is not None and ends - due >= _STEP


def _came_back(facts: Facts, left: datetime) -> bool:
    back = _instant(facts, "account.came_back_at")
    return back is not None and back >= left


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _instant(facts: Facts, name: str) -> datetime | None:
    value = facts.get(name)
    if not isinstance(value, str):
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
