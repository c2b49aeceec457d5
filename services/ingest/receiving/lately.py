"""What scoring said in the last seconds: an account is often assessed before it is shown what came of it."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from shared.log.protocol import Record as Logged

_MOST: Final = 5_000
_SECONDS: Final = 15.0


class Lately:
    """The last assessments, unread, by account; each has a number, one higher than the one before."""

    def __init__(self) -> None:
        self.last = 0
        self._order = deque[tuple[float, str]]()
        self._by_account: dict[str, deque[tuple[int, Logged]]] = {}

    def add(self, logged: Logged, now: float) -> None:
        """One more; `now` is in seconds."""
        self.last += 1
        self._order.append((now, logged.key))
        self._by_account.setdefault(logged.key, deque()).append((self.last, logged))
        while self._order[0][0] < now - _SECONDS or len(self._order) > _MOST:
            self._forget(self._order.popleft()[1])

    def of(self, account: str, after: int, since: datetime) -> Iterator[tuple[int, Logged]]:
        """Those of an account behind a number, that were said since then."""
        for number, logged in self._by_account.get(account, ()):
            if number > after and logged.time >= since:
                yield number, logged

    def _forget(self, account: str) -> None:
        of = self._by_account[account]
        of.popleft()
        if not of:
            del self._by_account[account]
