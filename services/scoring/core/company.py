"""What is told about ourselves: the reserved account is never scored, and playbooks hear of it all the same."""

from collections.abc import Iterable
from datetime import datetime

from services.scoring.core.causes import cause_of
from services.scoring.core.state import Account
from shared.messages.assessments import AccountAssessed, FactValue
from shared.messages.envelope import Event
from shared.messages.registry import COMPANY


def company_assessed(event: Event, rev: int, interrupted: Iterable[str], now: datetime) -> AccountAssessed:
    """What an event about it comes to: which sources are interrupted, where any are."""
    facts: dict[str, FactValue] = {"account.id": COMPANY, "account.name": "All accounts"}
    if sources := sorted(interrupted):
        facts["sources.interrupted"] = sources
    cause = cause_of(event, event.accepted, Account(COMPANY))
    return AccountAssessed(rev=rev, at=now, cause=cause, facts=facts, scorecard="none@1")
