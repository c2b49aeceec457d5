"""`keepwell people`: who works with customers, who has how much and who is away; and a book that changes hands."""

from datetime import date
from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.effect import results
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import plain
from shared.words import counted, date_words, listed


def _day(text: str) -> str:
    return date_words(date.fromisoformat(text))


def _absence(person: Item) -> str:
    """What keeps somebody from getting work, now or soon."""
    parts = [
        f"away until {_day(person['away_until'])}" if person["away_until"] else "",
        f"away from {_day(person['next_away']['from'])}" if person["next_away"] else "",
        f"gone from {_day(person['left'])}" if person["left"] else "",
        "" if person["reachable"] else "reached by no channel",
        "full" if person["full"] else "",
    ]
    return ", ".join(filter(None, parts))


def _monthly(person: Item) -> str:
    return " + ".join(show.money(one["amount_minor"], one["currency"]) for one in person["mrr"]) or "–"


def _tasks(person: Item) -> str:
    """How many there are, of how many they can take."""
    return f"{person['open']['task']} of {person['capacity']}" if person["capacity"] else str(person["open"]["task"])


def _some(number: int, style: str = "") -> Any:
    return show.text(str(number), style) if number else "–"


PEOPLE: Final = Listing(
    help="List who works with customers: what they have beside what they can take, and who is away.",
    at=("playbooks", "/v1/people"),
    is_paged=False,
    filters={
        "team": option("Only who is in this team, or leads it.", "--team"),
        "manager": option("Only whose manager, or theirs, this is.", "--manager"),
    },
    columns=(
        Column("Id", lambda one: one["id"]),
        plain("name"),
        Column("Team", lambda one: listed([team["name"] for team in one["teams"]]) or "–"),
        Column("Accounts", lambda one: str(sum(one["accounts"].values())), is_number=True),
        Column("Monthly", _monthly, is_number=True),
        Column("Tasks", _tasks, is_number=True),
        Column("Overdue", lambda one: _some(one["overdue"], "bold red"), is_number=True),
        Column("Today", lambda one: _some(one["due_today"]), is_number=True),
        Column("Alerts", lambda one: _some(one["open"]["alert"]), is_number=True),
        Column("Flags", lambda one: _some(one["open"]["flag"]), is_number=True),
        Column("Not there", lambda one: show.text(_absence(one), "yellow")),
        Column("Too much", lambda one: show.text(one["warning"] or "", "yellow")),
    ),
    empty="Nobody is in the directory.",
)
app = PEOPLE.app()
app.command("results")(results)


@app.command("hand-over")
def hand_over(
    whose: Annotated[str, typer.Argument(help="Whose open work: an id or e-mail; of somebody who is gone, too.")],
    to: Annotated[str, typer.Argument(help="Who gets it: an id or e-mail of the directory.")],
    account: Annotated[list[str] | None, typer.Option(help="Only at this account; several times for more.")] = None,
    all: Annotated[bool, typer.Option("--all", help="At all accounts.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it is told with it.")] = "",
) -> None:
    """Give what somebody has open to somebody else, who is told in one message; their manager hears once."""
    if all == bool(account):
        raise typer.BadParameter("Say --all, or which with --account.")
    which: dict[str, Any] = {"all": True} if all else {"accounts": account}
    with connected() as keepwell:
        _hand_over(keepwell, whose, {"to": to, "reason": reason, **which})


def _hand_over(keepwell: Keepwell, whose: str, body: dict[str, Any]) -> None:
    """Ask until nothing is left, or nothing moves any more."""
    moved, came = 0, {"moved": 1, "accounts_left": 1, "warning": None}
    while came["accounts_left"] and came["moved"]:
        came = keepwell.post("playbooks", f"/v1/people/{segment(whose)}/hand-over", body)
        moved += came["moved"] or 0
    show.say(f"{counted(moved, 'piece of work', 'pieces of work')} of {whose} went to {body['to']}.")
    if came["warning"]:
        show.say(str(came["warning"]))
