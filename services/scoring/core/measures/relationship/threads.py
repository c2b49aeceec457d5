"""How many people at the account we talk with."""

from typing import Final

from services.scoring.core.clock import DAY_US
from services.scoring.core.measures.base import View

DAYS: Final = 90


def _threads(view: View) -> int:
    since = (view.today - DAYS + 1) * DAY_US
    return sum(cell.at >= since for cell in view.of_contacts("talked").values())


def single_threaded(view: View) -> bool | None:
    """Whether all hangs on one person: one contact in 90 days. Not known where no interaction names a contact."""
    threads = _threads(view)
    return threads == 1 if threads else None


def single_threaded_in_words(_view: View) -> str:
    """What that means."""
    return f"we talk with one person only, in {DAYS} days"
