"""How much trouble the account has with us. Of an account of which no ticket source would tell there is no data."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import written_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.support.desk import desk_of
from services.scoring.core.measures.support.first_response import FIRST_RESPONSE
from services.scoring.core.measures.support.load import LOAD
from services.scoring.core.measures.support.opened import OPENED
from services.scoring.core.measures.support.resolution import RESOLUTION
from services.scoring.core.measures.support.tickets import told_of
from services.scoring.core.measures.support.urgent import URGENT, urgent, urgent_in_words

__all__ = ["FIRST_RESPONSE", "IN_WORDS", "LOAD", "OPENED", "RESOLUTION", "URGENT", "facts"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {"support.urgent_since": urgent_in_words}


def facts(view: View) -> dict[str, Any]:
    """What else is known of its tickets."""
    if not told_of(view):
        return {}
    found = urgent(view)
    return {
        "support.urgent_since": written_us(found[0][0]) if found else None,
        "support.open": desk_of(view).open,
    }
