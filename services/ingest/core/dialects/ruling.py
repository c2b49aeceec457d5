"""What a record comes to by the rule that a mapping has for it. Every dialect asks here."""

from collections.abc import Callable
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from services.ingest.core.mapping import USED, Mapping, Path
from services.ingest.core.sent import Said


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect has read of a record, whatever it comes to. `look` finds what stands at a path of it."""

    id: str
    kind: str
    name: str
    look: Callable[[Path], Any]
    time: datetime | None = None
    account: str | None = None
    user: str | None = None
    source: str | None = None
    feature: str | None = None
    """Of a use, unless the rule has one: none, its name."""
    quantity: Any = None


def ruled(seen: Seen, mapping: Mapping) -> tuple[Said | None, str]:
    """The event that it comes to, or why none."""
    rule = mapping.rule_for(seen.kind, seen.name)
    if rule is not None and not rule.type:
        return None, mapping.why_dropped(rule)
    if rule is None:
        data = _used(seen, None, None)
    elif rule.type == USED:
        data = dict(rule.fixed) | _used(seen, rule.feature, rule.quantity)
    else:
        found = {field: seen.look(path) for field, path in rule.data.items()}
        data = {field: value for field, value in found.items() if value is not None} | dict(rule.fixed)
        if rule.milestone is not None:
            data["milestone"] = rule.milestone
    return Said(
        id=seen.id,
        type=rule.type if rule else USED,
        data=data,
        time=seen.time,
        account=seen.account,
        user=seen.user,
        source=seen.source,
    ), ""


def _used(seen: Seen, feature: str | Path | None, quantity: Path | None) -> dict[str, Any]:
    named = seen.look(feature) if isinstance(feature, tuple) else feature
    data: dict[str, Any] = {"feature": named if isinstance(named, str) and named else seen.feature or seen.name}
    amount = seen.quantity if quantity is None else seen.look(quantity)
    if (number := number_of(amount)) is not None:
        data["quantity"] = number
    if seen.user:
        data["user_id"] = seen.user
    return data


def number_of(value: Any) -> int | float | None:
    """A number, or a text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value) if isinstance(value, str) else value
        return number if isfinite(number) else None
    except (ValueError, OverflowError):
        return None


def name_in(value: Any) -> str | None:
    """A name, such as a user's: a text that isn't empty, or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None
