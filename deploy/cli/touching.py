"""What a change of rules touches, in words."""

from collections.abc import Iterator
from typing import Any, Final

from deploy.cli import show
from shared.words import counted, listed

_MOST: Final = 3
_KINDS: Final = ("task", "alert", "flag")
Item = dict[str, Any]


def words_of(touches: Item | None) -> Iterator[str]:
    """What a changed document touches, a line each."""
    if touches is None:
        return
    if "found" in touches:
        yield from _of_playbook(touches)
    else:
        yield from (f"{one['name']} comes{_with(one)}" for one in touches["appear"])
        for one in touches["go"]:
            told = "; it is handed over, and told to who gets it" if any(one["open"].values()) else ""
            yield f"{one['name']} goes{_with(one)}{told}"


def _of_playbook(touches: Item) -> Iterator[str]:
    under_way = [f"{number:,} {state}" for state, number in touches["episodes"].items() if number]
    if under_way:
        yield f"stay with their version: episodes {listed(under_way)}{_feeding(touches['open'])}"
    before = f"{touches['held_before']:,} by the text in force" if touches["held_before"] else ""
    if touches["in_scope"]:
        holds = f"{touches['holds']:,}{f' ({before})' if before else ''}"
        yield f"for {counted(touches['in_scope'], 'account')}; holds now at {holds}; found so at {touches['found']:,}"
    elif before:
        yield f"holds now at {before}, and nowhere after that"


def _feeding(open: Item) -> str:
    items = _items(open)
    return f", which feed {listed(items)}" if items else ""


def _with(person: Item) -> str:
    accounts = person["accounts"]
    has = [*_items(person["open"]), *([counted(accounts, "account")] if accounts else [])]
    return f", with {listed(has)}" if has else ""


def _items(open: Item) -> list[str]:
    return [counted(open[kind], kind) for kind in _KINDS if open.get(kind)]


def tell_first_hour(plan: Item) -> None:
    """Who hears of it within the hour, and over how many accounts that was asked."""
    hour = plan.get("first_hour")
    if hour is None:
        return
    if hour["messages"]:
        most = [
            f"{one['recipient'] or 'nobody in particular'} ({counted(one['accounts'], 'account')})"
            for one in hour["recipients"][:_MOST]
        ]
        lists = counted(hour["messages"], "message")
        show.say(f"Within an hour {lists} with what was found so, most to {listed(most)}.")
    if plan["looked_at"] < plan["accounts"]:
        show.say(f"Estimated from {plan['looked_at']:,} of {plan['accounts']:,} accounts.")
