"""Scorecards and the catalogue from YAML nodes: refused with everything that is wrong, by line and column.

Nodes of ruamel.yaml know their places, so nothing here has to import it.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import Curve
from services.scoring.core.scorecard import Bands, Cap, Scorecard, Weighted
from shared.conditions import Condition, ConditionError, Position, Problem, Scope, facts_of, parse, position_of

MOST_DAYS_BACK: Final = 60
"""How far back a last known value may be looked for: state remembers 90 days, and windows are 30."""
_KEYS: Final = {"id", "version", "title", "for_accounts", "priority", "minimum_coverage", "measures", "caps", "bands"}
_LAST_KNOWN: Final = "last-known-for-"
_WHOLE_MEMORY: Final = {"billing.punctuality"}
"""Measures whose window is all that state remembers."""


def catalogue_of(node: Mapping[str, Any]) -> Catalogue:
    """The catalogue from its YAML node. Raises `ConditionError`."""
    read = _Reader(Scope())
    for key in node:
        if key not in ("features", "milestones", "working_days", "traits"):
            read.wrong(node, key, f"A catalogue has no `{key}`.")
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    days = read.listed(node, "working_days", names[:5])
    week = frozenset(names.index(day) for day in days if day in names)
    if not week or len(week) != len(days):
        read.wrong(node, "working_days", f"Working days are a list of {', '.join(names)}.")
    types = ("number", "text", "boolean", "instant", "list")
    traits = read.mapped(node, "traits")
    for name, type in traits.items():
        if type not in types:
            read.wrong(traits, name, f"A trait's type is one of {', '.join(types)}.")
    milestones: dict[str, int] = {}
    for name, by in (expected := read.mapped(node, "milestones")).items():
        milestones[str(name)] = read.whole(expected, name, 0, 3650) if by is not None else 0
    plans = read.mapped(node, "features")
    features = {str(plan): tuple(map(str, read.listed(plans, plan))) for plan in plans}
    read.done()
    return Catalogue(features, milestones, week, {str(name): type for name, type in traits.items()})


def scorecard_of(node: Mapping[str, Any], catalogue: Catalogue) -> Scorecard:
    """A card from its YAML node. Raises `ConditionError` with every problem; wrong weights with their sum."""
    read = _Reader(Scope(traits=catalogue.traits))
    for key in node:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            read.wrong(node, key, f"A scorecard has no `{key}`.", f"Did you mean `{near[0]}`?" if near else None)
    for key in ("id", "version", "measures"):
        if node.get(key) is None:
            read.wrong(node, key, f"A scorecard needs `{key}`.")
    read.done()
    measures = read.measures(read.mapped(node, "measures"))
    total = sum(one.weight for one in measures)
    if total != 100 and not read.problems:
        read.wrong(node, "measures", f"The weights sum to {total}; they must sum to 100.")
    caps = read.listed(node, "caps")
    card = Scorecard(
        id=str(node["id"]),
        version=read.whole(node, "version", 1, 10**9),
        title=str(node["id"] if node.get("title") is None else node["title"]),
        measures=measures,
        for_accounts=read.condition(node, "for_accounts", "account.") if "for_accounts" in node else None,
        priority=100 if node.get("priority") is None else read.whole(node, "priority", -(10**6), 10**6),
        minimum_coverage=5000 if node.get("minimum_coverage") is None else 100 * read.percent(node, "minimum_coverage"),
        caps=tuple(read.cap(caps, place) for place in range(len(caps))),
        bands=read.bands(read.mapped(node, "bands")),
    )
    read.done()
    return card


def _place_of_key(parent: Any, key: Any) -> Position | None:
    """Where a key without a value stands: YAML has its value begin with whatever comes next."""
    if not isinstance(parent, Mapping) or parent.get(key) is not None:
        return None
    marks = getattr(getattr(parent, "lc", None), "data", None) or {}
    return Position(marks[key][0] + 1, marks[key][1] + 1) if key in marks else None


class _Reader:
    """Reads nodes and collects what is wrong with them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems: list[Problem] = []

    def wrong(self, parent: Any, key: Any, message: str, suggestion: str | None = None) -> None:
        place = None if key is None else _place_of_key(parent, key) or position_of(parent, key)
        self.problems.append(Problem(message, place or Position(), suggestion=suggestion))

    def done(self) -> None:
        if self.problems:
            raise ConditionError(self.problems)

    def mapped(self, parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """A mapping; a key without a value is as if it were left out."""
        value = parent.get(key)
        if value is None or isinstance(value, Mapping):
            return value or {}
        self.wrong(parent, key, f"`{key}` must be a mapping of names to values, not {value!r}.")
        return {}

    def listed(self, parent: Mapping[str, Any], key: str, default: Sequence[Any] = ()) -> Sequence[Any]:
        """A list; a key without a value is as if it were left out."""
        value = parent.get(key)
        if value is None or isinstance(value, list):
            return default if value is None else value
        self.wrong(parent, key, f"`{key}` must be a list, not {value!r}.")
        return default

    def whole(self, parent: Mapping[str, Any], key: str, least: int, most: int) -> int:
        value = parent[key]
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(parent, key, f"`{key}` must be a whole number from {least} to {most}, not {value!r}.")
        return least

    def percent(self, parent: Mapping[str, Any], key: str) -> int:
        value = parent[key]
        if isinstance(value, str) and value.rstrip(" %").isdigit():
            value = int(value.rstrip(" %"))
        if isinstance(value, int) and 0 <= value <= 100:
            return value
        self.wrong(parent, key, f"`{key}` must be a whole percentage such as `50 %`, not {value!r}.")
        return 0

    def points(self, parent: Mapping[str, Any], key: str) -> int:
        value = parent.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
            return round(value * 100)
        self.wrong(parent, key, f"`{key}` must be points from 0 to 100, not {value!r}.")
        return 0

    def condition(self, parent: Mapping[str, Any], key: str, only: str = "") -> Condition | None:
        try:
            found = parse(parent[key], self.scope, position_of(parent, key))
        except ConditionError as error:
            self.problems.extend(error.problems)
            return None
        for name in sorted(facts_of(found)):
            if (only and not name.startswith(only)) or name.startswith("health."):
                known = f"only `{only}*` facts are known here" if only else "the score can't depend on itself"
                self.wrong(parent, key, f"`{name}` can't be used: {known}.")
        return found

    def measures(self, node: Mapping[str, Any]) -> tuple[Weighted, ...]:
        found = []
        for name, one in node.items():
            measure = MEASURES.get(name)
            if measure is None:
                near = get_close_matches(str(name), MEASURES, n=1)
                self.wrong(node, name, f"There is no measure `{name}`.", f"Did you mean `{near[0]}`?" if near else None)
            elif not isinstance(one, Mapping) or "weight" not in one or set(one) - {"weight", "curve", "missing"}:
                self.wrong(node, name, "A measure has a weight, and perhaps a curve and missing.")
            else:
                curve = self.curve(one, measure.curve)
                missing, days = self.missing(name, one)
                found.append(Weighted(name, self.whole(one, "weight", 0, 100), curve, missing, days))
        return tuple(found)

    def curve(self, node: Mapping[str, Any], default: Curve) -> Curve:
        given = node.get("curve")
        if given is None:
            return default
        pairs = list(given.items()) if isinstance(given, Mapping) else []
        numbers = [value for pair in pairs for value in pair]
        if len(pairs) < 2 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
            self.wrong(node, "curve", "A curve maps two raw values or more to points, such as {0: 100, 30: 20}.")
            return default
        if any(not 0 <= points <= 100 for _, points in pairs):
            self.wrong(node, "curve", "The points of a curve lie between 0 and 100.")
        return tuple(sorted((float(raw), float(points)) for raw, points in pairs))

    def missing(
        self, name: str, node: Mapping[str, Any]
    ) -> tuple[Literal["exclude", "neutral", "worst", "last-known"], int]:
        value = node.get("missing")
        match value:
            case None:
                return "exclude", 0
            case "exclude" | "neutral" | "worst":
                return value, 0
            case str() if value.startswith(_LAST_KNOWN) and name in _WHOLE_MEMORY:
                words = f"`{name}` looks at all that is remembered of invoices: there is nothing further back."
                self.wrong(node, "missing", words)
                return "exclude", 0
            case str() if value.startswith(_LAST_KNOWN) and value.endswith("-days"):
                days = value.removeprefix(_LAST_KNOWN).removesuffix("-days")
                if days.isdigit() and 0 < int(days) <= MOST_DAYS_BACK:
                    return "last-known", int(days)
        choices = f"exclude, neutral, worst or {_LAST_KNOWN}N-days (N up to {MOST_DAYS_BACK})"
        self.wrong(node, "missing", f"`missing` is {choices}, not {value!r}.")
        return "exclude", 0

    def cap(self, parent: Sequence[Any], place: int) -> Cap:
        node = parent[place]
        if not isinstance(node, Mapping) or set(node) != {"at_most", "while"}:
            self.wrong(parent, place, "A cap has `at_most` and `while`.")
            self.done()
        condition = self.condition(node, "while")
        if condition is None:
            self.done()
            raise AssertionError
        return Cap(self.points(node, "at_most"), condition)

    def bands(self, node: Mapping[str, Any]) -> Bands:
        for key in node:
            if key not in ("green", "amber", "margin"):
                self.wrong(node, key, f"Bands are green and amber, and have a margin; there is no `{key}`.")
        default = Bands()
        given = {key: self.points(node, key) for key in ("green", "amber", "margin") if key in node}
        bands = Bands(
            given.get("green", default.green), given.get("amber", default.amber), given.get("margin", default.margin)
        )
        if not 0 < bands.amber < bands.green:
            self.wrong(node, "amber", "Amber begins above 0 and below green.")
        return bands
