"""Facts and conditions for tests: plain builders, and Hypothesis strategies of whole conditions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.conditions import (
    FACTS,
    AllOf,
    AnyOf,
    Condition,
    Facts,
    Leaf,
    Not,
    Truth,
    evaluate,
    facts_of,
    parse,
)
from shared.conditions.regions import ORDERED

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def facts(**values: Any) -> Facts:
    """Facts by name, a double underscore for the dot: `facts(usage__breadth=25)`."""
    return Facts.of({name.replace("__", "."): value for name, value in values.items()})


def ago(**span: float) -> str:
    """An instant before NOW, as facts travel."""
    return (NOW - timedelta(**span)).isoformat().replace("+00:00", "Z")


def ahead(**span: float) -> str:
    """An instant after NOW, as facts travel."""
    return (NOW + timedelta(**span)).isoformat().replace("+00:00", "Z")


def holds(node: Any, known: Facts, now: datetime = NOW) -> bool | None:
    """The truth of a condition: None when unknown."""
    return {Truth.TRUE: True, Truth.FALSE: False, Truth.UNKNOWN: None}[evaluate(parse(node), known, now)]


def to_node(condition: Condition) -> Any:
    """A condition as plain YAML nodes, which `parse` reads back to an equal one."""
    match condition:
        case AllOf(parts):
            return {"all": [to_node(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_node(part) for part in parts]}
        case Not(part):
            return {"not": to_node(part)}
        case Leaf():
            return str(condition)


instants = st.integers(-(10**13), 10**13).map(lambda us: (NOW + timedelta(microseconds=us)).isoformat())
_numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6))
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": _numbers,
    "text": st.one_of(_texts, st.sampled_from(["pro", "free", "red", "green"])),
    "boolean": st.booleans(),
    "instant": instants,
    "list": st.lists(_texts, max_size=3),
}
_ORDER = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_durations = st.one_of(
    st.integers(-200, 200).map(lambda n: f"{n} days"),
    st.integers(-5_000, 5_000).map(lambda n: f"{n}h"),
    st.integers(-20, 20).map(lambda n: f"{n} weeks"),
    st.decimals(-100, 100, places=7, allow_nan=False).map(lambda n: f"{n:f} days"),
    st.integers(-(10**13), 10**13).map(lambda us: f"{us / 10**6:.6f} seconds"),
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def leaf_texts(draw: st.DrawFn) -> str:
    """Any leaf that the language allows, over every fact of the catalogue."""
    spec = FACTS[draw(st.sampled_from(sorted(FACTS)))]
    name = spec.name
    if spec.type == "instant" and draw(st.booleans()):
        return f"days_{draw(st.sampled_from(['since', 'until']))} {name} {draw(_ORDER)} {draw(_durations)}"
    if spec.linear_of and draw(st.booleans()):
        return f"{name} in [{draw(_durations)}, {draw(_durations)}]"
    if draw(st.integers(0, 5)) == 0:
        return f"{name} is {draw(st.sampled_from(['known', 'unknown']))}"
    match spec.type:
        case "number":
            return f"{name} {draw(_ORDER)} {draw(_numbers):.7f}"
        case "instant":
            return f"{name} {draw(_ORDER)} {draw(instants)}"
        case "boolean":
            return f"{name} {draw(st.sampled_from(['==', '!=']))} {str(draw(st.booleans())).lower()}"
        case "list":
            return f"{name} contains {_quoted(draw(_texts))}"
        case "text":
            literal = st.sampled_from(spec.choices) if spec.choices else _texts.map(_quoted)
            sign = draw(st.sampled_from(["==", "!=", "in", "not in", "contains"]))
            return f"{name} {sign} [{draw(literal)}]" if sign.endswith("in") else f"{name} {sign} {draw(literal)}"


nodes: st.SearchStrategy[Any] = st.recursive(
    leaf_texts(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
conditions: st.SearchStrategy[Condition] = nodes.map(parse)


@st.composite
def known_facts(draw: st.DrawFn, about: Condition) -> Facts:
    """Facts that a condition asks for, some of them missing."""
    values: dict[str, Any] = {}
    for name in sorted(facts_of(about)):
        if draw(st.integers(0, 4)):
            spec = FACTS[name]
            ends = (spec.lowest, spec.highest)
            values[name] = draw(
                _VALUES[spec.type] if spec.lowest is None else st.one_of(st.integers(*ends), st.floats(*ends))
            )
    for lower, upper in ORDERED:
        pair = [name.removeprefix("days_since ") for name in (lower, upper)]
        if values.keys() >= set(pair):
            # In order: of instants, the later one is the fewer days ago.
            later = FACTS[pair[0]].type == "instant"
            ranked = sorted((values[name] for name in pair), key=datetime.fromisoformat if later else None)
            values |= zip(pair, reversed(ranked) if later else ranked, strict=True)
    return Facts.of(values)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Condition, Facts]:
    """A condition and facts for it."""
    condition = draw(conditions)
    return condition, draw(known_facts(condition))
