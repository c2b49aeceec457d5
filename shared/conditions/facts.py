"""The facts of one account at hand: typed, and read once."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from math import isfinite
from typing import Any, Final

from shared.conditions.catalogue import FACTS, FactSpec
from shared.conditions.tree import MICROSECONDS
from shared.messages.assessments import Cause
from shared.messages.dates import is_no_date, settled

Value = bool | int | float | str | datetime | tuple[str, ...]
_UNREAD: Final = object()
NOWHERE: Final[Mapping[str, datetime]] = {}
"""No source is interrupted."""


class Facts:
    """A view over facts by name. What is missing, null, or of another type than its spec is unknown (None)."""

    __slots__ = ("_instants", "_reasons", "_stopped", "_values", "_withheld")

    def __init__(
        self,
        values: Mapping[str, Any],
        reasons: Mapping[str, str],
        withheld: Collection[str] = (),
        stopped: Mapping[str, datetime] = NOWHERE,
    ) -> None:
        self._values = values
        self._withheld = withheld
        self._stopped = stopped
        self._reasons = reasons
        self._instants: dict[str, Any] = {}

    @classmethod
    def of(
        cls,
        values: Mapping[str, Any],
        reasons: Mapping[str, str] | None = None,
        cause: Cause | None = None,
        *,
        withheld: Collection[str] = (),
        stopped: Mapping[str, datetime] = NOWHERE,
    ) -> "Facts":
        """The facts of an assessment; `reasons` say why one is unknown; `cause` is the event of `event.*`.

        Of interrupted sources: conditions on those `withheld` are unknown, and for those `stopped` time stands still.
        """
        if cause is not None:
            values = {**values, **event_facts(cause)}
        return cls(values, reasons or {}, withheld, stopped)

    def beside(self, more: Mapping[str, Any]) -> "Facts":
        """The same, with these."""
        return Facts({**self._values, **more}, self._reasons, self._withheld, self._stopped) if more else self

    def get(self, name: str, now: datetime) -> Value | None:
        """A fact's value by name; a name outside the catalogue is given as it came."""
        spec = FACTS.get(name)
        if spec is not None:
            return self.value(spec, now)
        raw = self._values.get(name)
        return tuple(raw) if isinstance(raw, list) else raw

    def have(self, names: AbstractSet[str]) -> bool:
        """Whether there is something by each of these names, known or not."""
        return names <= self._values.keys()

    def withholds(self, spec: FactSpec) -> bool:
        """Whether no condition on this fact can be judged, as its source is interrupted."""
        return bool(self._withheld) and spec.source in self._withheld

    def value(self, spec: FactSpec, now: datetime) -> Value | None:
        """A fact's value by its spec; a linear fact in days."""
        if spec.linear_of is not None:
            elapsed = self.elapsed(spec, now)
            return None if elapsed is None else elapsed / MICROSECONDS["days"]
        if spec.type == "instant":
            return self.instant(spec.name)
        raw = self._values.get(spec.name)
        if raw is None:
            return None
        match spec.type:
            case "number":
                return raw if isinstance(raw, int | float) and not isinstance(raw, bool) and isfinite(raw) else None
            case "text":
                return raw if isinstance(raw, str) else None
            case "boolean":
                return raw if isinstance(raw, bool) else None
            case "list":
                return tuple(map(str, raw)) if isinstance(raw, list | tuple) else None

    def instant(self, name: str) -> datetime | None:
        """An instant fact. Text without a zone is no instant."""
        found = self._instants.get(name, _UNREAD)
        if found is _UNREAD:
            found = self._instants[name] = _instant(self._values.get(name))
        return found  # type: ignore[no-any-return]

    def elapsed(self, spec: FactSpec, now: datetime) -> int | None:
        """A linear fact in whole microseconds: exact, and negative on the far side of its instant."""
        assert spec.linear_of is not None
        instant = self.instant(spec.linear_of)
        if instant is None:
            return 0 if spec.none_when and self._values.get(spec.none_when) == 0 else None
        if self._stopped and (stopped := self._stopped.get(spec.source or "")) is not None:
            now = min(now, stopped)
        passed = now - instant if spec.direction == "since" else instant - now
        return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds

    def reason(self, name: str) -> str | None:
        """Why a fact is unknown, where there is something to say."""
        return self._reasons.get(name)


def _instant(raw: object) -> datetime | None:
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(settled(raw))
        except ValueError:
            return None
    return raw if isinstance(raw, datetime) and raw.tzinfo is not None and not is_no_date(raw) else None


def event_facts(cause: Cause) -> dict[str, Any]:
    """The facts `event.*` of an event, by name: what its data says, and a mapping's own fields, too."""
    envelope = {"event.type": cause.type, "event.source": cause.source, "event.id": cause.id, "event.time": cause.time}
    contact = {
        "event.contact_name": cause.contact_name,
        "event.contact_role": cause.contact_role,
        "event.who": cause.who,
    }
    found: dict[str, Any] = {name: value for name, value in {**envelope, **contact}.items() if value is not None}
    for name, value in cause.data.items():
        found[f"event.{name}"] = value
        if isinstance(value, dict):
            found.update({f"event.{name}.{inner}": inside for inner, inside in value.items()})
    return found
