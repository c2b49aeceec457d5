"""What a worker remembers of the accounts in its partitions, so that a busy account is read once."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from services.scoring.core import state as s
from services.scoring.core.assess import Decision
from services.scoring.core.state import Account
from services.scoring.store import Kept

_MOST_ACCOUNTS: Final = 500
"""By partition; one in daily use takes some 50 kB."""
_MOST_USERS: Final = 5000

_decision = msgspec.msgpack.Decoder(Decision)


@dataclass(slots=True)
class Known:
    """An account with all that its row and the rows beside it say."""

    account: Account
    decision: Decision | None = None
    imports: list[str] = field(default_factory=list)
    marked_at: datetime | None = None
    found_in: str | None = None
    act_on_found: bool = False
    rescore: bool = False
    """It waits because the rules have changed."""
    timer_at: datetime | None = None
    """The earliest timer that is known to be set."""
    has_papers: bool = False
    """Whether its open and recent tickets and invoices were loaded."""

    def kept(self) -> Kept:
        """Its row."""
        packed = s.encode(self.account.state)
        return Kept(
            self.account.id,
            packed,
            None,
            self.imports,
            self.marked_at,
            self.found_in,
            self.act_on_found,
            self.rescore,
        )


def known_of(kept: Kept) -> Known:
    """An account as it was loaded."""
    return Known(
        Account(kept.id, s.decode(kept.state)),
        None if kept.decision is None else _decision.decode(kept.decision),
        list(kept.imports),
        kept.marked_at,
        kept.found_in,
        kept.act_on_found,
        kept.rescore,
    )


@dataclass(slots=True)
class Memory:
    """One partition's accounts, closed imports, and the accounts that wait to be assessed, longest first."""

    closed: set[str]
    waiting: dict[str, datetime]
    accounts: OrderedDict[str, Known] = field(default_factory=OrderedDict)
    scored: list[datetime] = field(default_factory=list)
    """When the events that the last batch scored had been accepted."""

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those that are not remembered."""
        return [id for id in ids if id not in self.accounts]

    def get(self, id: str) -> Known:
        """A remembered account; one that nobody has heard of is new. It becomes the one used last."""
        known = self.accounts.get(id)
        if known is None:
            known = self.accounts[id] = Known(Account(id))
        self.accounts.move_to_end(id)
        return known

    def settle(self) -> None:
        """Drop what was not used for long."""
        while len(self.accounts) > _MOST_ACCOUNTS:
            self.accounts.popitem(last=False)
        for known in self.accounts.values():
            if len(known.account.users) > _MOST_USERS:
                known.account.users.clear()
