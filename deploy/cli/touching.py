"""What a change of rules touches, in words."""

from collections.abc import Iterator
from typing import Any, Final

from deploy.cli import show
from shared.words import counted, listed

_MOST: Final = 3
_KINDS: Final = {"task": "task", "alert": "alert", "flag": "flag"}
Item = dict[str, Any]


def words_of(touches: Item | None) -> Iterator[str]:
    """What a changed document touches, a line each."""
    if touches is None:
        return
    if "found" in touches:
        yield from _of_playbook(touches)
    else:
        for word, who in (("comes", touches["appear"]), ("goes", touches["go"])):
            yield from (f"{one['name']} {word}{_with(one)}" for one in who)


def _of_playbook(touches: Item) -> Iterator[str]:
    under_way = [f"{number:,} {state}" for state, number in touches["episodes"].items() if number]
    if under_way:
        yield f"stay with their version: episodes {listed(under_way)}{_feeding(touches['open'])}"
    if touches["in_scope"] or touches["held_before"]:
        before = f", by the text in force at {touches['held_before']:,}" if touches["held_before"] else ""
        scope, holds = counted(touches["in_scope"], "account"), touches["holds"]
        yield f"for {scope}; holds now at {holds:,}{before}; found so at {touches['found']:,}"


def _feeding(open: Item) -> str:
    items = _items(open)
    return f", which feed {items}" if items else ""


def _with(person: Item) -> str:
    items, accounts = _items(person["open"]), person["accounts"]
    has = [*([items] if items else []), *([counted(accounts, "account")] if accounts else [])]
    return f", with {listed(has)}" if has else ""


def _items(open: Item) -> str:
    return listed([counted(open[kind], word) for kind, word in _KINDS.items() if open.get(kind)])


def tell_first_hour(plan: Item) -> None:
    """Who hears of it within the hour, and over how many accounts that was asked."""
    hour = plan.get("first_hour")
    if hour is None:
        return
    if hour["messages"]:
        most = [
            f"{one['recipient'] or 'the last resort'} ({counted(one['accounts'], 'account')})"
            for one in hour["recipients"][:_MOST]
        ]
        lists = counted(hour["messages"], "message")
        show.say(f"Within an hour {lists} with what was found so, most to {listed(most)}; nothing else is told.")
    if plan["looked_at"] < plan["accounts"]:
        show.say(f"Estimated from {plan['looked_at']:,} of {plan['accounts']:,} accounts.")
