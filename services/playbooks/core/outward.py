"""What other systems are told of what a transaction decided: of each item once, as it stands when all is decided, and
of each assessment. What nobody subscribes to is not told."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Move
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.look import OURS
from services.playbooks.core.standing import Standing, card, known_before
from services.playbooks.core.subscribed import Subscribed
from shared.messages import envelope
from shared.messages.actions import Recipient
from shared.messages.assessments import AccountAssessed
from shared.messages.envelope import Event
from shared.messages.feedback import USUAL_KIND
from shared.messages.outward import (
    AccountTold,
    AnswerReceived,
    CauseTold,
    DriverTold,
    HealthChanged,
    Moved,
    TraitsSet,
    WebhookTold,
    WebhookType,
    points,
)

_TYPE: Final = "webhook.told"
_FEEDBACK: Final = "feedback."
_BESIDE: Final = ("comment", "touchpoint", "survey_id", "invitation_id", "product")


Left = Callable[[Item, Move], tuple[Item, Move]]
"""What may stay of an item and its last move, where somebody was erased with it."""


class _Way(NamedTuple):
    """The way of one item through a transaction: its state before, and its last move."""

    before: str | None
    last: Move


class Outward:
    """What there is to tell."""

    def __init__(self, subscribed: Subscribed) -> None:
        self._subscribed = subscribed
        self._told: list[Event] = []
        self._ways: dict[str, _Way] = {}

    def move(self, move: Move) -> None:
        """An item was made or moved."""
        if self._subscribed.types:
            before = self._ways[move.subject].before if move.subject in self._ways else move.before
            self._ways[move.subject] = _Way(before, move)

    def assessed(self, before: Standing | None, stands: Standing, assessed: AccountAssessed) -> None:
        """An account was assessed: its health may have changed, or somebody has answered."""
        if not self._subscribed.types:
            return
        if "health.changed" in self._subscribed.types:
            self._health(before, stands, assessed)
        cause = assessed.cause
        if (cause.type or "").startswith(_FEEDBACK) and "answer.received" in self._subscribed.types:
            self._answer(stands, assessed)

    def traits_set(
        self, stands: Standing, traits: Mapping[str, Any], playbook: str, episode: str, at: datetime
    ) -> None:
        """A playbook (by id and version) set traits of an account."""
        if "traits.set" in self._subscribed.types:
            account = AccountTold.of(card(stands))
            told = TraitsSet(account=account, traits=dict(traits), playbook=playbook, episode_id=episode)
            self._tell("traits.set", told, at)

    def events(self, items: Mapping[str, Item], directory: Directory, left: Left) -> Iterator[Event]:
        """All of it, once: with the items as they stand."""
        for id, (before, move) in self._ways.items():
            item, last = left(items[id], move)
            if (type := _type_of(item, before)) in self._subscribed.types:
                self._tell(type, _moved(item, before, last, directory), last.at, item.request.contact_id)
        self._ways.clear()
        yield from self._told
        self._told.clear()

    def _health(self, before: Standing | None, stands: Standing, assessed: AccountAssessed) -> None:
        if stands.quiet:
            return
        score, band = known_before(before)
        moved = self._subscribed.score_by is not None and score != stands.score
        if band == stands.band and not moved:
            return
        cause = assessed.cause
        told = HealthChanged(
            account=AccountTold.of(card(stands)),
            rev=assessed.rev,
            at=assessed.at,
            score=points(stands.score),
            previous_score=points(score),
            band=stands.band,
            previous_band=band,
            drivers=DriverTold.most(assessed.drivers),
            cause=CauseTold(**{name: getattr(cause, name) for name in CauseTold.__struct_fields__}),
            reason=assessed.unknown.get("health.score", "") if stands.score is None else "",
        )
        self._tell("health.changed", told, stands.at)

    def _answer(self, stands: Standing, assessed: AccountAssessed) -> None:
        cause, data = assessed.cause, assessed.cause.data
        kind: Any = (cause.type or "").removeprefix(_FEEDBACK)
        if kind not in USUAL_KIND or cause.id is None or cause.time is None or "contact_id" not in data:
            # Of whoever was erased nothing is told.
            return
        if stands.facts.get("account.excluded") is not None:
            # A test account's answers count nowhere.
            return
        told = AnswerReceived(
            account=AccountTold.of(card(stands)),
            kind=kind,
            score=data["score"],
            contact_id=data["contact_id"],
            contact=cause.who,
            role=cause.contact_role,
            survey_kind=data.get("survey_kind", USUAL_KIND[kind]),
            further=data.get("answers") or {},
            source=cause.source or "",
            id=cause.id,
            at=cause.time,
            **{name: data.get(name) for name in _BESIDE},
        )
        self._tell("answer.received", told, stands.at, told.contact_id)

    def _tell(self, type: WebhookType, data: Any, at: datetime, contact_id: str | None = None) -> None:
        told = WebhookTold(type=type, data=msgspec.to_builtins(data), contact_id=contact_id)
        account = data.account.id
        digest = hashlib.sha256(msgspec.json.encode((account, at, told), order="deterministic")).hexdigest()
        event = envelope.wrap(told, id=f"told_{digest[:32]}", source=OURS, type=_TYPE, subject=account, time=at)
        self._told.append(event)


def _type_of(item: Item, before: str | None) -> Any:
    if item.state not in OPEN and (before is None or before in OPEN):
        return f"{item.kind}.closed"
    return f"{item.kind}.{'opened' if before is None else 'moved'}"


def _moved(item: Item, before: str | None, last: Move, directory: Directory) -> Moved:
    said = item.request
    return Moved(
        id=item.id,
        kind=item.kind,  # type: ignore[arg-type]  # Items are made of these kinds alone.
        state=item.state,
        previous_state=before,
        title=said.title,
        severity=said.severity,
        matter=item.matter or said.matter,
        account=AccountTold.of(said.account),
        reasons=said.why,
        do=said.do,
        assignee=_assignee(item, directory),
        due_at=item.due_at,
        snoozed_until=item.snoozed_until if item.state == "snoozed" else None,
        contact_id=said.contact_id,
        contact=said.contact,
        playbook=said.playbook or None,
        episode_id=item.episode_id or None,
        actor=last.actor,
        note=last.reason,
    )


def _assignee(item: Item, directory: Directory) -> Recipient | None:
    """Whose it is, as they are known; who is known no more as they were when they got it."""
    if item.assignee is None:
        return None
    known, told = directory.find(item.assignee), item.request.recipient
    if known is None and told is not None and told.id == item.assignee:
        return told
    return directory.person(item.assignee).recipient
