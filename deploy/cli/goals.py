"""The success plan: `keepwell goals [ACCOUNT]` lists goals, `keepwell goal ACCOUNT GOAL` sets one or ends it."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import NAME, OF_ACCOUNTS
from shared.words import date_words

_STATES: Final = {"overdue": "bold red", "met": "green", "reached": "dim", "dropped": "dim"}
_MEASURE: Final = re.compile(r"(.+?)\s*(<=|>=|==|!=|<|>|\bcontains\b)\s*(.+)", re.DOTALL)


def _due(goal: Item) -> str:
    at = show.instant(goal["due_at"])
    return "–" if at is None else date_words(at)


def _how_far(goal: Item) -> str:
    return goal["words"] or "by word alone"


GOALS: Final = Listing(
    help="List the goals of an account, or of all, those due first in front, with how far each is now.",
    at=("scoring", "/v1/goals"),
    filters={
        "open": option("true: only what is not reached or dropped; false: only what is.", "--open"),
        "overdue": option("true: only what is overdue.", "--overdue"),
        **OF_ACCOUNTS,
    },
    columns=(
        Column("Goal", lambda one: one["id"]),
        NAME,
        Column("What", lambda one: one["title"]),
        Column("Due", _due),
        Column("State", lambda one: Text(one["state"], _STATES.get(one["state"], ""))),
        Column("How far", _how_far),
    ),
    limit=50,
    empty="No goal.",
)


def goal(
    account: Annotated[str, typer.Argument(help="An account's id.")],
    goal: Annotated[str, typer.Argument(help="The goal's own name, such as 2026-rollout.")],
    title: Annotated[str | None, typer.Argument(help="What the customer wants to reach.")] = None,
    due: Annotated[str | None, typer.Option(help="By when, such as 2026-12-31.")] = None,
    measure: Annotated[str | None, typer.Option(help='How that is measured, such as "usage.breadth >= 60".')] = None,
    reached: Annotated[bool, typer.Option("--reached", help="Say that it is reached.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Nobody strives for it any more.")] = False,
) -> None:
    """Set a goal of an account's success plan, or set it anew; say that it is reached, or drop it."""
    path = f"/v1/accounts/{segment(account)}/goals/{segment(goal)}"
    with connected() as keepwell:
        if reached or drop:
            if title or due or measure or (reached and drop):
                raise typer.BadParameter("A goal is set, or reached, or dropped: one at a time.")
            keepwell.call("POST" if reached else "DELETE", "scoring", f"{path}/reached" if reached else path)
        else:
            if title is None or due is None:
                raise typer.BadParameter("Say what it is and by when: keepwell goal ACCOUNT GOAL TITLE --due DATE.")
            said = {"title": title, "due_at": _instant(due), **({} if measure is None else _read(measure))}
            keepwell.call("PUT", "scoring", path, json=said)
    done = "is reached" if reached else "is dropped" if drop else "is set"
    show.say(f"{goal} of {account} {done}.")


def _instant(due: str) -> str:
    """As the service takes it: what has no zone is of UTC, as days are. What is no date it refuses."""
    try:
        at = datetime.fromisoformat(due)
    except ValueError:
        return due
    return due if at.tzinfo is not None else at.replace(tzinfo=UTC).isoformat()


def _read(measure: str) -> dict[str, Any]:
    """A fact, an operator and a target; numbers and true or false as such."""
    found = _MEASURE.fullmatch(measure.strip())
    if found is None:
        raise typer.BadParameter(f'{measure!r} is no comparison. Write one such as "usage.breadth >= 60".')
    fact, op, target = found.groups()
    try:
        value = json.loads(target)
    except ValueError:
        value = target
    return {"fact": fact, "op": op, "target": value if isinstance(value, bool | int | float | str) else target}
