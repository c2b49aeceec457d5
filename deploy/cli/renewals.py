"""`keepwell renewals`: which contracts renew when, what is expected of each, and what came of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import ACCOUNT, NAME, OF_ACCOUNTS, field
from shared.words import counted, date_words

_FORECASTS: Final = {"commit": "green", "at_risk": "bold red", "lost": "red"}


def _day(name: str) -> Column:
    def cell(one: Item) -> str:
        at = show.instant(one[name])
        return "–" if at is None else date_words(at)

    return Column({"ends_at": "Ends", "notice_at": "Notice by"}[name], cell)


def _forecast(one: Item) -> Text:
    return show.text((one["forecast"] or "–").replace("_", " "), _FORECASTS.get(one["forecast"], ""))


def _ladder(keepwell: Keepwell, given: Mapping[str, Any]) -> None:
    """What it comes to, by month, band or owner."""
    found = keepwell.get("scoring", "/v1/renewals", limit=1, **given)
    groups: dict[str, list[str]] = {}
    for step in found["ladder"]:
        said = (step["outcome"] or step["forecast"] or "no forecast").replace("_", " ")
        worth = show.money(step["amount_minor"], step["currency"])
        groups.setdefault(step["group"] or "–", []).append(f"{counted(step['renewals'], 'renewal')} {said}, {worth}")
    out = show.console()
    for group, steps in groups.items():
        out.print(show.text(f"{group}: {'; '.join(steps)}"))


RENEWALS: Final = Listing(
    help="List renewals of contracts, those due first in front, with the sums by month, band or owner.",
    at=("scoring", "/v1/renewals"),
    filters={
        **ACCOUNT,
        "open": option("true: of which nothing came yet; false: the others.", "--open"),
        "forecast": option("commit, likely, at_risk, lost or none."),
        "outcome": option("renewed, renewed_by_itself, lost or lapsed."),
        "band": option("red, amber, green or unknown."),
        **OF_ACCOUNTS,
        "since": option("Those that end from this day on.", "--from"),
        "until": option("Those that end before this day.", "--to"),
        "by": option("month, band or owner: what the sums are by."),
    },
    called={"since": "from", "until": "to"},
    columns=(
        Column("Id", lambda one: one["id"]),
        _day("ends_at"),
        NAME,
        Column("Amount", lambda one: show.money(one["amount_minor"], one["currency"]), is_number=True),
        _day("notice_at"),
        Column("Health", lambda one: show.band(one["band"])),
        Column("Forecast", _forecast),
        Column("Outcome", lambda one: (one["outcome"] or "–").replace("_", " ")),
        field("Why", "reason"),
        field("Owner", "owner"),
    ),
    limit=50,
    empty="No contract of six months or more is known.",
    after=_ladder,
)


def update(
    id: Annotated[str, typer.Argument(help="The renewal's id.")],
    forecast: Annotated[str | None, typer.Option(help="commit, likely, at_risk or lost.")] = None,
    outcome: Annotated[str | None, typer.Option(help="renewed or lost.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
) -> None:
    """Say what is expected of a renewal, or what came of it."""
    said = {"forecast": forecast, "outcome": outcome, "reason": reason, "owner": owner}
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        raise typer.BadParameter("Say at least one of --forecast, --outcome, --reason and --owner.")
    with connected() as keepwell:
        keepwell.call("PUT", "scoring", f"/v1/renewals/{segment(id)}", json=given)
    show.say(f"It stands with renewal {id}.")


def app() -> typer.Typer:
    """`keepwell renewals`, and `keepwell renewals update ID`."""
    made = RENEWALS.app()
    made.command("update")(update)
    return made
