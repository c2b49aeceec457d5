"""Readings that somebody says are wrong."""

from services.scoring.core.clock import DAY_US
from services.scoring.core.fold.cells import EXCERPT
from services.scoring.core.state import MUTE_DAYS, Account
from shared.conditions import MEASURES
from shared.messages import accounts
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, micros, put


def reading_muted(account: Account, event: Event, data: accounts.ReadingMuted) -> None:
    """Of each measure the latest word stands, for 30 days at most; one that ends at once believes the reading again."""
    if data.measure in MEASURES:
        until = min(micros(data.until), micros(event.time) + MUTE_DAYS * DAY_US)
        put(account.state.mutes, data.measure, cell_of(event, [until, data.reason[:EXCERPT], data.author]))
