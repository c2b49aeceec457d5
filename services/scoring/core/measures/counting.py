"""What is counted of an account's rows, kept right one by one: the ten thousandth costs what the first does."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from services.scoring.core.measures.base import View
from services.scoring.core.state import Counted

C = TypeVar("C", bound=Counted)


def counted_of(view: View, kind: str, count: Callable[[Mapping[str, Any], int], C]) -> C:
    """The account's own count, which folding keeps right, where it is of this day; else one that is made for it."""
    account = view.account
    known: Any = account.counted.get(kind)
    if known is not None and known.today == view.today:
        found: C = known
        return found
    made = count(account.papers(kind), view.today)
    if known is None or known.today < view.today:
        account.counted[kind] = made
    return made
