"""How much a key may send: so many requests, events and bytes in a minute, by the `limits` library.

Its sliding window of counters is what fits: a burst of a whole minute's share passes at once, nobody can send twice
that by waiting for a minute to begin, and a count of a thousand events costs no more than one of one event. (Its moving
window keeps an entry for each event, and its fixed one lets two bursts meet.) Each process counts for itself.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from limits import RateLimitItemPerMinute
from limits.storage import SlidingWindowCounterSupport, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from services.ingest.core.senders import Sender
from services.ingest.receiving.usage import Usage
from shared.clock import Clock
from shared.web.problems import Problem
from shared.words import counted

WINDOW: Final = 60
"""Seconds."""
_PARTS: Final = 10
"""Of a second's share, that are counted at once."""


class Rates(NamedTuple):
    """What a key may send a second, on average over a minute; 0: as much as it likes."""

    events: int
    requests: int
    bytes: int


class Limits:
    """What each key has sent lately, in this process."""

    def __init__(self, rates: Rates, clock: Clock, usage: Usage) -> None:
        self._rates, self._usage = rates, usage
        self._now: Callable[[], float] = lambda: clock.now().timestamp()
        self._windows = Windows(self._now)
        self._shares: dict[tuple[str, str], _Share] = {}
        self._closed: dict[str, float] = {}
        """Keys that sent too many requests, with when they may send again: asked before a body is read."""

    def check_open(self, key: str) -> None:
        """Raise a 429 problem while a key sends too many requests; it needs no more of a request than its head."""
        if (until := self._closed.get(key)) is None:
            return
        if (left := until - self._now()) <= 0:
            del self._closed[key]
            return
        self._usage.limit(key)
        raise _too_many(key, counted(self._rates.requests, "request"), left)

    def admit(self, sender: Sender, live: int, bytes: int) -> None:
        """Count a request of so many live events, and so many bytes, or raise a 429 problem before any of it is taken.

        More than a minute's share at once is taken after a minute in which nothing came: it could never be, else.
        """
        key, events = sender.name, self._rates.events if sender.events_per_second is None else sender.events_per_second
        if (wait := self._share("requests", self._rates.requests, key).take(1)) is not None:
            self._closed[key] = self._now() + wait
            words = counted(self._rates.requests, "request")
        elif (wait := self._share("events", events, key).take(live)) is not None:
            words = counted(events, "event")
        elif (wait := self._share("bytes", self._rates.bytes, key).take(bytes)) is not None:
            words = counted(self._rates.bytes, "byte")
        else:
            self._usage.receive(key, bytes)
            return
        self._usage.limit(key)
        raise _too_many(key, words, wait)

    def _share(self, what: str, rate: int, key: str) -> "_Share":
        if (share := self._shares.get((what, key))) is None or share.rate != rate:
            share = self._shares[what, key] = _Share(self._windows, what, rate, key)
        return share


class _Share:
    """What a key may still send of one thing.

    The library takes longer to count than all else that a small request needs; so a share takes a tenth of a second's
    worth from it at once, and gives that away. What is given away was counted; what was counted and is not yet given
    away is never more than that.
    """

    def __init__(self, windows: "Windows", what: str, rate: int, key: str) -> None:
        self.rate = rate
        self._windows, self._limiter, self._key = windows, SlidingWindowCounterRateLimiter(windows), key
        self._item = RateLimitItemPerMinute(rate * WINDOW, namespace=what)
        self._at_once = max(1, rate // _PARTS)
        self._left = 0

    def take(self, cost: int) -> float | None:
        """Take so much, or return after how many seconds there will be room for it."""
        if cost <= self._left:
            self._left -= cost
            return None
        if not self.rate:
            return None
        # More than there ever can be is all that there can be.
        wanted = min(cost, self._item.amount) - self._left
        for some in (max(wanted, self._at_once), wanted):
            if self._limiter.hit(self._item, self._key, cost=some):
                self._left += some - min(cost, self._item.amount)
                return None
        return self._windows.room_in(self._item.key_for(self._key), self._item.amount, WINDOW, wanted)


def _too_many(key: str, most: str, wait: float) -> Problem:
    words = f"The key {key!r} may send {most} a second, on average over a minute, and has sent more. Nothing was taken."
    return Problem(429, "rate_limited", f"{words} Send the same again later.", retry_after=math.floor(wait) + 1)


class Windows(Storage, SlidingWindowCounterSupport):
    """What was counted in this window and in the one before, by a clock that is passed in.

    The library's own storage in memory reads the machine's clock, and starts a thread to forget what is old.
    """

    STORAGE_SCHEME = None
    base_exceptions = ValueError

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._counts: dict[str, tuple[int, int, int]] = {}
        """Of each key of the library's: the number of the window, and what was counted before it and in it."""

    def _counted(self, key: str, expiry: int) -> tuple[int, int, int, float]:
        """The window's number, what was counted before it and in it, and the share of it that has passed."""
        whole, share = divmod(self._now() / expiry, 1)
        number = int(whole)
        at, before, current = self._counts.get(key, (number, 0, 0))
        if at == number - 1:
            return number, current, 0, share
        return (number, before, current, share) if at == number else (number, 0, 0, share)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count so much, if there is room for it."""
        number, before, current, share = self._counted(key, expiry)
        if math.floor(before * (1 - share) + current) + amount > limit:
            return False
        self._counts[key] = number, before, current + amount
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """What was counted in the window before and in this one, each with the seconds until it is forgotten."""
        _, before, current, share = self._counted(key, expiry)
        left = (1 - share) * expiry
        return before, left if before else 0.0, current, left + expiry

    def room_in(self, key: str, limit: int, expiry: int, amount: int) -> float:
        """In how many seconds so much more will have room, if nothing else comes."""
        _, before, current, share = self._counted(key, expiry)
        # Where this window's own count leaves room, it comes as the one before it is forgotten; else in the next one.
        if current + amount <= limit:
            return max(0.0, (1 - share - (limit - amount + 1 - current) / before) * expiry) if before else 0.0
        return (1 - share + max(0.0, 1 - (limit - amount + 1) / current)) * expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        del expiry
        self.clear(key)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count so much, whether there is room or not."""
        number, before, current, _ = self._counted(key, int(expiry))
        self._counts[key] = number, before, current + amount
        return current + amount

    def get(self, key: str) -> int:
        """What was counted in the last window in which anything was."""
        return self._counts.get(key, (0, 0, 0))[2]

    def get_expiry(self, key: str) -> float:
        """When the last window began in which anything was counted, in windows."""
        return float(self._counts.get(key, (0, 0, 0))[0])

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int:
        """Forget everything. Returns of how many keys."""
        count = len(self._counts)
        self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget a key."""
        self._counts.pop(key, None)
