"""Figures are kept once: what status reads is what a scrape shows, and every one that is declared is fed."""

import ast
from pathlib import Path

import pytest

from shared.figures import Figures
from shared.telemetry import metrics

ROOT = Path(__file__).parents[3]
_FEEDS = {"add", "set", "observe"}
_DECLARES = {"count", "level", "times"}


def test_a_scrape_shows_what_was_counted_and_nothing_that_nobody_declared() -> None:
    figures = Figures("scoring")
    read, waiting = figures.count("a_total", "Read.", "topic"), figures.level("b", "Waiting.")
    took = figures.times("c_seconds", "Took.", "route", buckets=(0.1, 1))
    read.add(2, "usage")
    waiting.set(7)
    for seconds in (0.1, 0.5, 9):
        took.observe(seconds, "/x")
    shown = [line for line in metrics.text(figures).decode().splitlines() if line[0] in "abc"]
    assert shown == [
        'a_total{topic="usage"} 2.0',
        "b 7.0",
        'c_seconds_bucket{le="0.1",route="/x"} 1.0',
        'c_seconds_bucket{le="1.0",route="/x"} 2.0',
        'c_seconds_bucket{le="+Inf",route="/x"} 3.0',
        'c_seconds_count{route="/x"} 3.0',
        'c_seconds_sum{route="/x"} 9.6',
    ]
    assert (read("usage"), read("tickets"), waiting()) == (2, 0, 7)


def test_two_parts_that_count_the_same_share_the_figure_and_may_not_differ_about_it() -> None:
    figures = Figures("scoring")
    figures.count("a_total", "Read.").add()
    figures.count("a_total", "Read.").add()
    assert figures.count("a_total", "Read.")() == 2
    with pytest.raises(AssertionError, match="a_total"):
        figures.times("a_total", "Read.")


def _sources() -> list[Path]:
    return [path for part in ("shared", "services") for path in (ROOT / part).rglob("*.py")]


def _name(node: ast.AST | None) -> str | None:
    """The name of the figure that an expression declares."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _DECLARES:
        return None
    first = node.args[0] if node.args else None
    name = str(first.value) if isinstance(first, ast.Constant) else ""
    return name if name.startswith("keepwell_") else None


def _declared(tree: ast.AST) -> list[tuple[str, str]]:
    """Attributes that hold a figure, with its name."""
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    pairs = [(node.targets[0], _name(node.value)) for node in assigned]
    return [(target.attr, name) for target, name in pairs if name is not None and isinstance(target, ast.Attribute)]


def _fed(tree: ast.AST) -> set[str]:
    """Attributes of which a feeding method is called, or which are handed to `set_all`."""
    fed: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FEEDS:
            fed.append(node.func.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "set_all":
            fed.append(node.args[0])
    return {figure.attr for figure in fed if isinstance(figure, ast.Attribute)}


def test_every_figure_is_fed_where_it_is_declared() -> None:
    declared, unfed, written = set(), [], set()
    for path in _sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        fed = _fed(tree)
        written |= {name for node in ast.walk(tree) if (name := _name(node)) is not None}
        for attribute, name in _declared(tree):
            declared.add(name)
            if attribute not in fed:
                unfed.append(f"{path.name}: {name}")
    assert unfed == []
    # Nothing escapes the look at attributes but what has a function of its own.
    assert written - declared == {"keepwell_event_to_effect_seconds"}
    assert len(declared) > 12
