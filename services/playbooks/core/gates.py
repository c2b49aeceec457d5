"""Never sell to the angry: what holds an expansion flag back."""

from datetime import datetime

from shared.conditions import Facts


def closed_because(facts: Facts, now: datetime) -> str | None:
    """Why a flag must wait now, or None when it may go. What is not known closes nothing."""
    if facts.get("health.band", now) == "red":
        return "the account is red"
    urgent = facts.get("support.urgent", now)
    if isinstance(urgent, int | float) and urgent > 0:
        return "an urgent ticket is open"
    if facts.get("billing.overdue_since", now) is not None:
        return "an invoice is overdue"
    return None
