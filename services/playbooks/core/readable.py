"""The facts that a message to a customer carries: what they may read of all that is known when it is decided."""

from typing import Any

import msgspec

from services.playbooks.core.standing import Standing
from shared.conditions.facts import event_facts
from shared.conditions.readable import may_read, tells_of_nobody
from shared.messages.assessments import Cause, FactValue


def readable(stands: Standing, event: Cause | None, *, to_contact: bool) -> dict[str, FactValue]:
    """By name. What an event says about one person is told to that person alone (`to_contact`)."""
    found: dict[str, Any] = {"account.name": stands.account, **stands.facts}
    if event is not None:
        told = {**event_facts(event), "event.time": msgspec.to_builtins(event.time)}
        found |= {
            name: one for name, one in told.items() if to_contact or _names_nobody(event) or tells_of_nobody(name)
        }
    return {name: value for name, value in found.items() if may_read(name) and _is_plain(value)}


def _names_nobody(event: Cause) -> bool:
    return event.data.get("contact_id") is None and event.data.get("requester") is None


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, bool | int | float | str)
