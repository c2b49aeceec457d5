"""What a catalogue declares, for files of other services: read leniently, since scoring says what is wrong with it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, get_args

from shared.conditions import Declared, FactType, Refused
from shared.files.kinds import day_of_week, read_days
from shared.files.nodes import load


def declared_in(text: bytes) -> Declared | None:
    """What is declared in a catalogue's text; None where it can't be read."""
    try:
        root = load(text, "")
    except Refused:
        return None
    return declared_by(root) if isinstance(root, dict) else None


def declared_by(root: dict[Any, Any]) -> Declared:
    """What a catalogue's value declares; what has another shape is left out."""
    features, allowances = _mapping(root.get("features")), _mapping(root.get("allowances"))
    models = [one for one in _list(root.get("onboarding")) if isinstance(one, dict)]
    named = {name for allowed in allowances.values() for name in _mapping(allowed)}
    traits, week = _mapping(root.get("traits")), {day_of_week(name) for name in _texts(root.get("working_days"))}
    return Declared(
        plans=_names((*features, *allowances, *_mapping(root.get("cadence")))),
        models=_names(one.get("id") for one in models),
        milestones=_names(name for one in models for name in _mapping(one.get("milestones"))),
        features=_names(name for listed in features.values() for name in _list(listed)),
        watched=_names((*_list(root.get("watch")), *named)),
        traits={str(name): kind for name, kind in traits.items() if kind in get_args(FactType)},
        working_days=tuple(sorted(day for day in week if day is not None)),
        closed=tuple(sorted({day for text in _texts(root.get("closed")) for day in _days_of(text)})),
        rates={
            str(code): Fraction(str(rate))
            for code, rate in _mapping(root.get("rates")).items()
            if type(rate) in (int, float) and rate > 0
        },
    )


def _days_of(text: str) -> Sequence[date]:
    try:
        return read_days(text)
    except ValueError:
        return ()


def _texts(node: Any) -> Iterator[str]:
    """What stands in a list, as it is written."""
    return (str(one) for one in _list(node))


def _names(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one) for one in found if isinstance(one, str)))


def _mapping(node: Any) -> dict[Any, Any]:
    return node if isinstance(node, dict) else {}


def _list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []
