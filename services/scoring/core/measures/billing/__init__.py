"""How the account pays: one file a measure, and what else is known of its invoices."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import DAY_US, written_or_none, written_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.billing.failed import FAILED, failing, failing_in_words, failing_invoices
from services.scoring.core.measures.billing.invoices import overdue, overdue_minor, pressing
from services.scoring.core.measures.billing.overdue import OVERDUE, overdue_in_words
from services.scoring.core.measures.billing.punctuality import PUNCTUALITY, habit

__all__ = ["FAILED", "IN_WORDS", "OVERDUE", "PUNCTUALITY", "facts", "overdue", "overdue_minor"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    "billing.payment_failed_at": failing_in_words,
    "billing.overdue_since": overdue_in_words,
    "billing.beyond_habit_since": overdue_in_words,
}
"""What these facts say, where a cap's condition on them holds."""


def facts(view: View) -> dict[str, Any]:
    """What else is known of its invoices."""
    late = pressing(view)
    return {
        "billing.overdue_since": written_us(late[0][0]) if late else None,
        "billing.beyond_habit_since": written_us(late[0][0] + habit(view) * DAY_US) if late else None,
        "billing.overdue_minor": overdue_minor(view) if view.connected("invoices") is not None else None,
        "billing.payment_failed_at": written_or_none(failing(view)),
        "billing.failing_invoices": failing_invoices(view),
    }
