"""What a worker remembers of the accounts in a partition, so that a busy account is read once.

Rows are the truth, and memory only saves reading them: whatever is dropped from it, once it is saved, changes nothing.
So it can keep to a bound, whatever the number of accounts, of their people and papers, and however long their history.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from services.scoring.core.decision import Decision, unpack
from services.scoring.core.state import Account

# What an account takes in bytes, measured and rounded up: by itself; for each byte of its packed state; for each user,
# ticket, invoice and day of change at hand; for its decision while that isn't packed.
_ACCOUNT: Final = 3072
_DECISION: Final = 8192
_UNPACKED: Final = 13
_USER: Final = 256
_PAPER: Final = 1024
_CHANGE: Final = 160
_TYPICAL: Final = 2**18
"""What an account may take, while nothing is known of any."""
_MOST_AT_ONCE: Final = 500
_HEARD_EVERY: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Standing:
    """How an account stands: its folded state, what was last decided about it, and what it waits for."""

    account: Account
    decided: Decision | bytes | None = None
    """What was last decided about it: as its row has it, until that is another."""
    imports: list[str] = field(default_factory=list)
    """Its open imports."""
    marked_at: datetime | None = None
    """Since when it waits to be assessed."""
    found_in: str | None = None
    """The import whose end it waits for to be told."""
    act_on_found: bool = False
    rescore: bool = False
    """It waits because the rules have changed."""
    timer_at: datetime | None = None
    """The earliest timer that is known to be set."""
    has_papers: bool = False
    """Whether its open and recent tickets and invoices were loaded."""
    packed: int = 0
    """Bytes of its state when that was last read or written."""

    def await_rescoring(self, since: datetime) -> None:
        """It waits because the rules have changed, if anything was decided about it by others."""
        if self.decided is not None:
            self.marked_at, self.rescore = self.marked_at or since, True

    @property
    def decision(self) -> Decision | None:
        """What was last decided about it. Read anew each time: usage that waits asks for none."""
        return unpack(self.decided) if isinstance(self.decided, bytes) else self.decided

    @property
    def size(self) -> int:
        """Bytes in memory, rather too many than too few."""
        account, decided = self.account, self.decided
        rows = _USER * len(account.users) + _PAPER * (len(account.tickets) + len(account.invoices))
        if isinstance(decided, bytes):
            rows += len(decided)
        elif decided is not None:
            rows += _DECISION + _CHANGE * len(decided.changes.days)
        return _ACCOUNT + _UNPACKED * self.packed + rows


@dataclass(frozen=True, slots=True)
class Marking:
    """A partition went over to other rules then, and its accounts are being marked: up to this one all have been."""

    since: datetime
    up_to: str


@dataclass(slots=True)
class Memory:
    """One partition's accounts, closed imports, and the accounts that wait to be assessed, longest first."""

    closed: set[str]
    waiting: dict[str, datetime]
    most_waiting: int = 10_000
    more_wait: bool = False
    """Whether others wait besides, after these, of whom the database alone knows."""
    marking: Marking | None = None
    """Some have yet to be marked, since the rules changed: whoever is loaded before that is taken for marked."""
    average: int = _TYPICAL
    """Bytes that an account took when it was last looked."""
    accounts: OrderedDict[str, Standing] = field(default_factory=OrderedDict)
    heard: dict[str, datetime] = field(default_factory=dict)
    """By source of evidence: when it was last heard of, as far as that was written."""
    _sizes: dict[str, int] = field(default_factory=dict)
    """What each account took when it was last looked, in bytes."""
    _size: int = 0
    """The sum of these."""
    _used: set[str] = field(default_factory=set)
    """Accounts that may take another size since."""

    def get(self, id: str) -> Standing:
        """A remembered account; one that nobody has heard of is new. It becomes the one used last."""
        standing = self.accounts.get(id) or self.put(Standing(Account(id)))
        self.accounts.move_to_end(id)
        self._used.add(id)
        return standing

    def put(self, standing: Standing) -> Standing:
        """Remember an account, as the one used last."""
        id = standing.account.id
        self.accounts[id] = standing
        self._used.add(id)
        return standing

    def hear(self, heard: Mapping[str, datetime]) -> list[tuple[str, datetime]]:
        """Which of these sources are to be written as heard of: none twice within a minute of its events."""
        told = self.heard
        news = [(one, at) for one, at in heard.items() if one not in told or at >= told[one] + _HEARD_EVERY]
        self.heard.update(news)
        return news

    def wait(self, id: str, since: datetime) -> None:
        """Note that an account waits to be assessed, behind all others that do."""
        if self.more_wait or len(self.waiting) >= self.most_waiting:
            self.more_wait = self.more_wait or id not in self.waiting
        else:
            self.waiting.setdefault(id, since)

    def adopt(self, since: datetime) -> None:
        """Note that the partition goes by other rules: whatever is decided by them, is first told as their doing."""
        self.marking = Marking(since, "")
        for standing in self.accounts.values():
            standing.await_rescoring(since)

    def mark(self, found: Iterable[str], marking: Marking, up_to: str | None) -> None:
        """Note that some more were marked to be rescored: up to such an account, or, without one, the last of them."""
        for id in found:
            self.wait(id, marking.since)
            if (standing := self.accounts.get(id)) is not None:
                standing.await_rescoring(marking.since)
        self.marking = None if up_to is None else Marking(marking.since, up_to)

    def close_import(self, import_id: str, found: Iterable[str], act: bool, now: datetime) -> None:
        """Note that an import was closed: these accounts, which it touched, wait to be told what was found."""
        self.closed.add(import_id)
        for id in found:
            self.wait(id, now)
            standing = self.accounts.get(id)
            if standing is not None:
                standing.imports = [one for one in standing.imports if one != import_id]
                standing.marked_at, standing.found_in = standing.marked_at or now, import_id
                standing.act_on_found = standing.act_on_found or act

    def parts(self, ids: Collection[str], room: int) -> Iterator[list[str]]:
        """These accounts, so many at a time as fit into so many bytes, by what the last ones took on average."""
        rest = iter(list(ids))
        while some := list(islice(rest, min(_MOST_AT_ONCE, max(1, room // self.average)))):
            yield some

    def fit(self, room: int) -> None:
        """Drop what was not used for longest, until the rest takes so many bytes at most. All must be saved.

        It looks only at what was used since: a partition may remember many thousands.
        """
        for id in self._used:
            size = self.accounts[id].size
            self._size += size - self._sizes.get(id, 0)
            self._sizes[id] = size
        self._used.clear()
        self.average = self._size // len(self.accounts) if self.accounts else self.average
        while self._size > room:
            self._size -= self._sizes.pop(self.accounts.popitem(last=False)[0])
