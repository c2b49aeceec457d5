"""What is noted of what comes in, for whoever mends a sender: as it was sent, as it was understood, what became of it.

Only some of it is noted, the rest is counted: so that it costs next to nothing however much comes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from services.ingest.core.checking import Answer, Waits
from services.ingest.core.erasing import ERASES
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from shared.messages.erasing import digest_of

Fate = Literal["taken", "waiting", "dropped", "refused"]
LARGEST: Final = 64 * 1024
"""Bytes of a record that are kept. One that is larger is cut, and no preview looks at it."""
A_KEY: Final = 25
ALL: Final = 100
"""How many records are noted in a second, of a key and of all; of keys in test mode as many again."""
_QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.){1,256}"')
_any = msgspec.json.Decoder()


class Understood(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event that a record came to."""

    type: str
    id: str | None = None
    account: str | None = None
    alias: str | None = None
    """The name by which the account was sent, where that is another."""
    user: str | None = None
    feature: str | None = None


class Noted(NamedTuple):
    """One record as it came, before anything is made of it."""

    at: datetime
    sender: Sender
    door: str
    mapping: str
    sent: bytes
    said: Sequence[Said] | None
    """None: it is an event of ours, and says itself what it is."""
    fate: Fate
    code: str
    reason: str
    skipped: int
    """How many of the same key came since its last one, and are not noted."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a record, and shown."""

    at: datetime
    key: str
    source: str
    door: str
    test: bool
    mapping: str
    fate: Fate
    code: str
    reason: str
    kind: str
    """What the record says that it is, such as `track`."""
    name: str
    """Of what it is, such as `Report Opened`."""
    sent: bytes
    size: int
    understood: list[Understood]
    skipped: int

    @property
    def accounts(self) -> set[str]:
        """The accounts that it was understood to be about."""
        return {one.account for one in self.understood if one.account}

    def with_owners(self, owners: Mapping[str, str | None]) -> "Seen":
        """With the accounts whose aliases were sent, where they are known."""
        understood = [
            msgspec.structs.replace(one, account=owner, alias=one.account)
            if one.account is not None and (owner := owners.get(one.account)) is not None
            else one
            for one in self.understood
        ]
        return msgspec.structs.replace(self, understood=understood)


class Sampling:
    """Which records are noted: the first of each second, so many a key and so many in all."""

    def __init__(self, a_key: int = A_KEY, all: int = ALL) -> None:
        self._a_key, self._all = a_key, all
        self._second = -1
        self._noted = Counter[tuple[bool, str]]()
        self._skipped = Counter[tuple[bool, str]]()

    def room(self, sender: Sender, count: int, second: int) -> int:
        """How many of `count` records may be noted in this second; the others are counted."""
        if second != self._second:
            self._second = second
            self._noted.clear()
        key, of_all = (sender.test, sender.name), (sender.test, "\0")
        room = max(0, min(count, self._a_key - self._noted[key], self._all - self._noted[of_all]))
        if room:
            self._noted[key] += room
            self._noted[of_all] += room
        if count > room:
            self._skipped[key] += count - room
        return room

    def skipped(self, sender: Sender) -> int:
        """How many were not noted since this was last asked."""
        return self._skipped.pop((sender.test, sender.name), 0)


def chosen(count: int, room: int, answer: Answer) -> Sequence[int]:
    """The places of those that are noted: what was refused first, then what waits."""
    if room >= count:
        return range(count)
    odd = dict.fromkeys([*(one.index for one in answer.refused), *(one.index for one in answer.waiting)])
    first = [*odd, *(place for place in range(min(count, room + len(odd))) if place not in odd)]
    return sorted(first[:room])


def fate_of(place: int, record: Record | None, answer: Answer) -> tuple[Fate, str, str]:
    """What became of a record: with a code and a sentence, where there is something to say."""
    for refusal in answer.refused:
        if refusal.index == place:
            return "refused", refusal.code, refusal.message
    for waits in answer.waiting:
        if waits.index == place:
            return "waiting", "", _why_it_waits(waits, record)
    if record is not None and not record.said:
        return ("taken" if record.knows or record.same else "dropped"), "", record.why
    # What was left out of it, or changed.
    said = [one.message for one in answer.adjusted if one.index == place]
    return "taken", "", " ".join(said) or (record.why if record is not None else "")


def _why_it_waits(waits: Waits, record: Record | None) -> str:
    users = (one.user for one in (record.said if record is not None else ()) if one.account == waits.alias)
    if (user := next(users, None)) is not None:
        return f"nobody has said which account user {user!r} belongs to"
    return f"nobody has said which account {waits.alias!r} is"


def seen(noted: Noted) -> Seen | None:
    """A record as it is kept; None of one that erases somebody, whom it names."""
    # What is larger is no event of ours, and says what it came to.
    found = _decoded(noted.sent) if len(noted.sent) <= LARGEST else None
    fields = found if isinstance(found, dict) else {}
    understood = [_said(one) for one in noted.said] if noted.said is not None else [_event(fields)]
    if any(one.type in ERASES for one in understood):
        return None
    names = (fields.get(name) for name in ("event", "name"))
    return Seen(
        at=noted.at,
        key=noted.sender.name,
        source=noted.sender.source,
        door=noted.door,
        test=noted.sender.test,
        mapping=noted.mapping,
        fate=noted.fate,
        code=noted.code,
        reason=_text(noted.reason, 2_000),
        kind=_text(fields.get("type")),
        name=next(filter(None, map(_text, names)), ""),
        sent=noted.sent[:LARGEST],
        size=len(noted.sent),
        understood=[one for one in understood if one.type],
        skipped=noted.skipped,
    )


def texts_in(sent: bytes) -> set[str]:
    """Every text that a record has as a value, and every whole number as one: what an id in it could be."""
    if len(sent) >= LARGEST:
        # Of one that was cut, what can be found without reading it as JSON.
        return {text for one in _QUOTED.findall(sent) if isinstance(text := _decoded(one), str)}
    values = _values(_decoded(sent))
    return {str(one) for one in values if isinstance(one, str | int) and not isinstance(one, bool)}


def _values(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack += one.values()
        elif isinstance(one, list):
            stack += one
        else:
            yield one


def _decoded(sent: bytes) -> Any:
    try:
        return _any.decode(sent)
    except (msgspec.DecodeError, RecursionError):
        return None


def _said(one: Said) -> Understood:
    data = one.data
    user = one.user or data.get("user_id") or data.get("contact_id")
    return _understood(one.type, one.id, one.account, None, user, data.get("feature"))


def _event(fields: dict[str, Any]) -> Understood:
    data = fields.get("data")
    data = data if isinstance(data, dict) else {}
    account = fields.get("account") or fields.get("subject")
    user = data.get("user_id") or data.get("contact_id")
    return _understood(fields.get("type"), fields.get("id"), account, None, user, data.get("feature"))


def _understood(type: Any, *more: Any) -> Understood:
    return Understood(_text(type), *(_text(one) or None for one in more))


def _text(value: Any, longest: int = 256) -> str:
    """A text as it can be kept; empty where it is none."""
    if not isinstance(value, str):
        return ""
    return value[:longest].replace("\0", "").encode("utf-8", "replace").decode()


class Pair(NamedTuple):
    """Digests of somebody who was erased: of the account, and of the contact, which is empty where all of it was."""

    account: str
    contact: str


def digests_of(texts: Iterable[str]) -> set[str]:
    """By what it is found whether somebody who was erased is among these."""
    return {digest_of(one) for one in texts}


def is_of_erased(seen: Seen, erased: Iterable[Pair]) -> bool:
    """Whether a record is about one of them. Of one whose account isn't known, any id that is in it tells."""
    accounts = digests_of(seen.accounts)
    theirs = [one for one in erased if not accounts or one.account in accounts]
    if not theirs:
        return False
    # It takes longer than all else, and hardly ever comes to it.
    texts = digests_of(texts_in(seen.sent))
    return any(one.contact in texts if one.contact else one.account in accounts | texts for one in theirs)
