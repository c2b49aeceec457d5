"""A call is one event on its way to one endpoint, and a machine: where it stands, and what can happen to it.

What is told while an endpoint is disabled is `missed`, and kept: it goes when somebody asks for it to be sent again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

import msgspec

from services.notifier.core.delivery import OPEN
from shared.messages.actions import ActionRequested
from shared.messages.outward import AccountTold, DriverTold, PlaybookCalled
from shared.words import clean

State = Literal["waiting", "sending", "delivered", "failed", "missed", "cancelled"]

Event = Literal["leased", "delivered", "put_off", "given_up", "released", "missed", "cancelled", "sent_again"]
"""`put_off`: to be tried again. `given_up`: tried as often as it may be. `released`: leased, and never begun. `missed`:
its endpoint is disabled. `cancelled`: its endpoint was deleted, what it tells was called back, or whom it is about was
erased. `sent_again`: somebody asked for it."""

MOVES: Final[Mapping[tuple[State, Event], State]] = {
    ("waiting", "leased"): "sending",
    # Its lease ran out: whoever had it was killed, and nobody knows whether it arrived.
    ("sending", "leased"): "sending",
    ("sending", "delivered"): "delivered",
    ("sending", "put_off"): "waiting",
    ("sending", "released"): "waiting",
    ("sending", "given_up"): "failed",
    ("waiting", "missed"): "missed",
    ("waiting", "cancelled"): "cancelled",
    ("waiting", "sent_again"): "waiting",
    ("delivered", "sent_again"): "waiting",
    ("failed", "sent_again"): "waiting",
    ("missed", "sent_again"): "waiting",
    ("cancelled", "sent_again"): "waiting",
}
"""Where each event takes a call; what is not here can't happen."""

WAITS: Final = OPEN
"""The states of what is still to be brought; the same words as a delivery's."""
RETRIES: Final = tuple(timedelta(seconds=s) for s in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""The waits after the first, second, … failure, by Standard Webhooks: some three days in all."""
MOST_TRIES: Final = len(RETRIES) + 1
JITTER: Final = 0.1
LONGEST_WAIT: Final = RETRIES[-1] * (1 + JITTER)
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
LARGEST: Final = 20_000
"""Bytes of a body."""
_CUTS: Final = ((4_000, 200), (1_000, 50), (200, 20), (60, 5))
"""The longest text and list, each time a body is still too large."""
_encode: Final = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """How an attempt ended."""

    reason: str
    """Why it failed, in words; empty where it was taken."""
    status: int | None = None
    """None: there was no answer."""
    headers: Mapping[str, str] = {}
    body: str = ""
    after: float | None = None
    """The endpoint's own Retry-After, in seconds."""
    uncertain: bool = False
    """It may have arrived all the same."""

    @property
    def is_gone(self) -> bool:
        """The endpoint says that nobody is to come again."""
        return self.status == 410


class Verdict(NamedTuple):
    """What an attempt comes to for the call."""

    event: Literal["delivered", "put_off", "given_up"]
    due_at: datetime | None = None
    reason: str = ""

    @property
    def state(self) -> State:
        """Where that takes what was being sent."""
        return MOVES["sending", self.event]


def call_id(event_id: str, endpoint_id: str) -> str:
    """The webhook-id: the same for the same event and endpoint, however often it is sent."""
    return "msg_" + sha256(f"{event_id}\x1f{endpoint_id}".encode()).hexdigest()[:28]


def judge(answer: Answer, tries: int, now: datetime, dice: float, *, once: bool = False) -> Verdict:
    """Decide what follows the attempt number `tries` (from 1). `dice` is uniform in [0, 1) and spreads the retries.

    `once`: it is not tried again.
    """
    if not answer.reason:
        return Verdict("delivered")
    if once or answer.is_gone:
        return Verdict("given_up", reason=answer.reason)
    if tries >= MOST_TRIES:
        return Verdict("given_up", reason=f"given up after {tries} tries; the last: {answer.reason}")
    held_until = hold(answer, now)
    due_at = now + backoff(tries, dice)
    return Verdict("put_off", max(due_at, held_until) if held_until else due_at, answer.reason)


def hold(answer: Answer, now: datetime) -> datetime | None:
    """Until when the endpoint asked to be left in peace."""
    if answer.after is None:
        return None
    return now + timedelta(seconds=min(max(answer.after, 0.0), LONGEST_RETRY_AFTER.total_seconds()))


def backoff(tries: int, dice: float) -> timedelta:
    """The wait after the failure of try number `tries`, spread by a tenth to either side."""
    return RETRIES[min(max(tries, 1), len(RETRIES)) - 1] * (1 - JITTER + 2 * JITTER * dice)


def body_of(type: str, at: datetime, data: Any) -> bytes:
    """What an endpoint gets: at most 20 kB. What is too long is cut, and then it says so."""
    body = {"type": type, "timestamp": at, "data": data}
    encoded = _encode(body)
    if len(encoded) <= LARGEST:
        return encoded
    plain = msgspec.to_builtins(data)
    for text, items in _CUTS:
        plain = _cut(plain, text, items)
        encoded = _encode({**body, "truncated": True, "data": plain})
        if len(encoded) <= LARGEST:
            return encoded
    account = plain.get("account") or {}
    return _encode({**body, "truncated": True, "data": {"account": {"id": account.get("id")}}})


def called(action: ActionRequested) -> PlaybookCalled:
    """What a playbook's step tells the endpoint that it calls."""
    return PlaybookCalled(
        action_id=action.action_id,
        account=AccountTold.of(action.account),
        playbook=action.playbook,
        playbook_title=action.playbook_title,
        episode_id=action.episode_id,
        reasons=action.why,
        since=action.since,
        contact_id=action.contact_id,
        contact=action.contact,
        drivers=DriverTold.most(action.drivers),
    )


def _cut(value: Any, text: int, items: int) -> Any:
    match value:
        case str():
            return clean(value, text) if len(value) > text else value
        case list() | tuple():
            return [_cut(one, text, items) for one in value[:items]]
        case dict():
            return {name: _cut(one, text, items) for name, one in list(value.items())[: max(items, 30)]}
        case _:
            return value
