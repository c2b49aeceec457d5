"""What a worker remembers of the accounts in a partition, so that a busy account is read once."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.scoring.core.decision import Decision
from services.scoring.core.state import Account

_MOST_ACCOUNTS: Final = 500
"""By partition; one in daily use takes some 50 kB."""
_MOST_USERS: Final = 5000


@dataclass(slots=True)
class Standing:
    """How an account stands: its folded state, what was last decided about it, and what it waits for."""

    account: Account
    decision: Decision | None = None
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


@dataclass(slots=True)
class Memory:
    """One partition's accounts, closed imports, and the accounts that wait to be assessed, longest first."""

    closed: set[str]
    waiting: dict[str, datetime]
    accounts: OrderedDict[str, Standing] = field(default_factory=OrderedDict)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those that are not remembered."""
        return [id for id in ids if id not in self.accounts]

    def get(self, id: str) -> Standing:
        """A remembered account; one that nobody has heard of is new. It becomes the one used last."""
        standing = self.accounts.get(id)
        if standing is None:
            standing = self.accounts[id] = Standing(Account(id))
        self.accounts.move_to_end(id)
        return standing

    def close_import(self, import_id: str, found: Iterable[str], act: bool, now: datetime) -> None:
        """Note that an import was closed: these accounts, which it touched, wait to be told what was found."""
        self.closed.add(import_id)
        for id in found:
            waits_since = self.waiting.setdefault(id, now)
            standing = self.accounts.get(id)
            if standing is not None:
                standing.imports = [one for one in standing.imports if one != import_id]
                standing.marked_at, standing.found_in = waits_since, import_id
                standing.act_on_found = standing.act_on_found or act

    def settle(self) -> None:
        """Drop what was not used for long."""
        while len(self.accounts) > _MOST_ACCOUNTS:
            self.accounts.popitem(last=False)
        for standing in self.accounts.values():
            if len(standing.account.users) > _MOST_USERS:
                standing.account.users.clear()
