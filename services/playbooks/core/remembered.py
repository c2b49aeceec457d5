"""What an episode remembers of when it fired, so that its end can be told beside its beginning: `steady at 44 % of
before`. Only what the words of its exit name is kept, and of that what it was when it first fired."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from shared.conditions import FACTS, Facts

FIRED: Final = "fired."
"""`fired.usage.trend` is what `usage.trend` was."""


def needed(names: Iterable[str]) -> tuple[str, ...]:
    """The facts that travel behind these: of a linear one, its instant, and the number that says there is none."""
    specs = {name: FACTS.get(name) for name in names}
    behind = ((one.linear_of or name, one.none_when) if one else (name,) for name, one in specs.items())
    return tuple(dict.fromkeys(fact for those in behind for fact in those if fact))


def kept(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """What is known now of these facts."""
    return {name: values[name] for name in needed(names) if values.get(name) is not None}


def beside(values: Mapping[str, Any], then: Mapping[str, Any], names: Iterable[str], at: datetime) -> Facts:
    """The facts as they are, and these as they were at an instant of which `then` is kept."""
    were = Facts.of(then)
    return Facts.of({**values, **{FIRED + name: were.get(name, at) for name in names}})
