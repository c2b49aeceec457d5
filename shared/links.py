"""Signed links: what one lets its reader do stands in the link itself, and nobody can make or change one without a key.

Whoever holds a link acts by it: it goes to one person, expires, and its token is kept out of logs. The first key signs,
all are read, so a key is replaced by putting a new one before it, and taken away when what it signed has expired.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from shared.messages.actions import Colleague, Kind

LASTING: Final = timedelta(days=14)
LEAVING: Final = timedelta(days=400)
"""How long one can be used to get no more letters."""
_LONGEST: Final = 6_000
"""Characters of a token; a URL may have 8 kB."""
_MOST_PEOPLE: Final = 1_200
"""Bytes that people may take in one, to whom work could be given."""
_ACT: Final = b"keepwell.act"
_LEAVE: Final = b"keepwell.leave"
"""Each purpose has its salt: what was signed for one is nothing to another."""


class Act(msgspec.Struct, frozen=True, array_like=True):
    """A move of one item, for one person, out of one letter. New fields come at the end, with a default."""

    letter: str
    """The delivery that it stands in: a letter that is sent again says the same."""
    item_id: str
    account_id: str
    kind: Kind
    move: str
    who: str
    """Whom the letter went to, as playbooks find them: by the e-mail address."""
    subject: str
    expires: int
    """Seconds since 1970."""
    time_zone: str = "UTC"
    to: list[Colleague] = []
    """Of `reassign`: to whom it can be given."""

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return now.timestamp() >= self.expires

    @property
    def expires_at(self) -> datetime:
        """When it expires."""
        return datetime.fromtimestamp(self.expires, UTC)

    def response_id(self, *more: str) -> str:
        """What tells an answer by this link from others; the same for a letter that came twice."""
        said = "\n".join((self.letter, self.item_id, self.move, *more))
        return "link:" + hashlib.sha256(said.encode()).hexdigest()[:32]


class Leave(msgspec.Struct, frozen=True, array_like=True):
    """That a customer's person gets no more letters of a kind. New fields come at the end, with a default."""

    account_id: str
    contact_id: str
    kind: str
    expires: int
    """Seconds since 1970."""
    language: str = ""
    """In which the letter was written."""
    letter: str = ""
    """The delivery that it stands in; nothing: a test, which is nobody's."""

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return now.timestamp() >= self.expires


class Tampered(Exception):
    """That is no token of ours."""


_T = TypeVar("_T")


class _Json(Generic[_T]):
    """Reads and writes what is signed; itsdangerous packs it."""

    def __init__(self, of: type[_T]) -> None:
        self._decoder = msgspec.json.Decoder(of)

    def dumps(self, said: _T) -> str:
        return msgspec.json.encode(said).decode()

    def loads(self, payload: str | bytes) -> _T:
        return self._decoder.decode(payload)


class Links:
    """Makes and reads links, with these keys, the newest first."""

    def __init__(self, keys: Sequence[str], public_url: str = "") -> None:
        kwargs: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        # It signs with the last.
        newest_last = list(reversed(keys))
        self._acts = URLSafeSerializer(newest_last, salt=_ACT, serializer=_Json(Act), signer_kwargs=kwargs)
        self._leaves = URLSafeSerializer(newest_last, salt=_LEAVE, serializer=_Json(Leave), signer_kwargs=kwargs)
        self._public_url = public_url

    def act_url(self, act: Act) -> str:
        """Where a person sees what the link does, and does it. Of the people there are as many as there is room for."""
        to = list(act.to)
        while to and len(msgspec.json.encode(to)) > _MOST_PEOPLE:
            to.pop()
        token = self._acts.dumps(msgspec.structs.replace(act, to=to))
        return f"{self._public_url}/a/{token}"

    def read_act(self, token: str) -> Act:
        """What a token lets one do, whether or not it has expired. Raises `Tampered`."""
        act = _read(self._acts, token)
        assert isinstance(act, Act)
        return act

    def leave_url(self, leave: Leave) -> str:
        """Where a customer's person says that they want no more letters."""
        return f"{self._public_url}/u/{self._leaves.dumps(leave)}"

    def read_leave(self, token: str) -> Leave:
        """The same of a letter to a customer's person. Raises `Tampered`."""
        leave = _read(self._leaves, token)
        assert isinstance(leave, Leave)
        return leave


def _read(signed: URLSafeSerializer, token: str) -> Any:
    if len(token) > _LONGEST or not token.isascii():
        raise Tampered
    try:
        return signed.loads(token)
    except (BadData, msgspec.DecodeError):
        raise Tampered from None
