"""What is known of the one invoice that an episode is about, where its playbook has one for each."""

from collections.abc import Mapping
from typing import Any, Final

_FAILING: Final = "billing.failing_invoices"


def of_subject(invoice: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The facts `invoice.*`, by the facts of the account; none where that isn't known."""
    known = values.get(_FAILING)
    return {"invoice.failing": invoice in known} if invoice and isinstance(known, list) else {}
