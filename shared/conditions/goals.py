"""What a goal is measured by: one comparison of the language, from a fact's name, an operator and a target."""

from typing import Final

from shared.conditions.errors import Refused
from shared.conditions.parsing import parse
from shared.conditions.scope import Scope
from shared.conditions.tree import Leaf, format_number, format_text

_BARRED: Final = (
    r"(event|task|sources|goals)\.|health\.(change|previous)",
    "it tells of a moment or of other goals, and a goal needs what lasts",
)
_DECLARED: Final = ("account.traits.", "usage.feature.", "usage.limit.")
"""Facts that are known only where a catalogue declares them."""


def goal_leaf(fact: str, op: str, target: bool | float | str, scope: Scope) -> Leaf:
    """The comparison. A target without a unit has the fact's own. Raises `Refused`."""
    scope = Scope(scope.traits, scope.watched, barred=_BARRED)
    spec = scope.facts.get(fact)
    if isinstance(target, bool):
        literal = str(target).lower()
    elif isinstance(target, str):
        literal = format_text(target) if spec is not None and spec.type in ("text", "list") else target
    else:
        literal = format_number(target)
    leaf = parse(f"{fact} {op} {literal}", scope)
    assert isinstance(leaf, Leaf)
    return leaf


def why_no_goal(fact: str | None, op: str | None, target: bool | float | str | None, scope: Scope | None) -> str | None:
    """Why nothing can be measured so, in words; None where it can, or where there is nothing to measure.

    Without a scope what a catalogue may declare is let be.
    """
    if fact is None and op is None and target is None:
        return None
    if fact is None or op is None or target is None:
        return "fact, op and target go together: send all three, or none."
    if scope is None and fact.removeprefix("days_since ").removeprefix("days_until ").startswith(_DECLARED):
        return None
    try:
        goal_leaf(fact, op, target, scope or Scope())
    except Refused as refused:
        first = refused.problems[0]
        return " ".join(filter(None, (first.message, first.suggestion)))
    return None
