"""`keepwell why ACCOUNT`: why an account is where it is, and what moved it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused, connected, segment
from deploy.cli.listing import JsonOption
from shared.words import clean, listed, signed

CHANGES: int = 5


def why(
    account: Annotated[str, typer.Argument(help="The account's id, or a part of its name.")],
    changes: Annotated[int, typer.Option(min=0, help="How many of the last changes to tell.")] = CHANGES,
    since: Annotated[str | None, typer.Option(help="Why the score is another than then: a date or an instant.")] = None,
    until: Annotated[str | None, typer.Option(help="With --since: until when, if not now.")] = None,
    json: JsonOption = False,
) -> None:
    """Tell why an account has its score: every measure, and the last changes with what did them."""
    with connected() as keepwell:
        known = find(keepwell, account)
        way = {"from": since, "to": until}
        told = keepwell.get("scoring", f"/v1/accounts/{segment(known['id'])}/health/explain", **way)
        if json:
            show.as_json(told)
            return
        now = show.now()
        out = show.console()
        out.print(headline(known, now))
        if since is not None:
            out.print(show.text(told["paragraph"].partition(":")[0].rstrip(".")))
            tell_drivers(out, told["drivers"], told["from"], told["to"])
            return
        out.print(_standing(told))
        if told["score"] is None and told.get("reason"):
            show.hang(out, Text("  "), show.text(told["reason"]))
        if took := known.get("merged_from"):
            show.hang(out, Text("  goes on for: "), show.text(listed([one["name"] or one["id"] for one in took])))
        if told.get("left"):
            show.hang(out, Text("  open then: "), show.text(told["left"]["words"] or "nothing"))
        out.print()
        _measures(told)
        for cap in told.get("caps", []):
            held = show.text(f"at most {show.score(cap['at_most'])} while {cap['while']}", "yellow")
            out.print(Text.assemble("  ", held))
        for change in _moves(told.get("changes", []))[:changes]:
            out.print()
            tell_change(out, change, now)


def find(keepwell: Keepwell, account: str) -> dict[str, Any]:
    """An account by its id or a part of its name. Raises `Refused` when there is none, or more than one."""
    path = f"/v1/accounts/{segment(account)}"
    try:
        known: dict[str, Any] = keepwell.get("scoring", path)
    except Refused as error:
        if error.status != 404:
            raise
        like = list(keepwell.items("scoring", "/v1/accounts", 6, q=account))
        if len(like) != 1:
            names = ", ".join(each["id"] for each in like[:5])
            hint = f" Did you mean one of {names}?" if names else ""
            raise Refused(404, "not_found", f"There is no account {account}.{hint}") from error
        return like[0]
    return known


def headline(account: Mapping[str, Any], now: datetime) -> Text:
    """`Northwind · pro · €4,200/month · renews in 41 days`."""
    parts = [
        clean((account.get("plan") or "").capitalize()),
        show.monthly(account.get("mrr_minor"), account.get("currency")),
        show.renewal(account.get("renews_at"), now),
    ]
    head = Text(clean(account.get("name") or "") or clean(account["id"]), style="bold")
    for part in parts:
        if part and part != "–":
            head.append(f" · {part}", style="not bold")
    return head


def tell_change(out: Console, change: Mapping[str, Any], now: datetime) -> None:
    """One change of the score: from where to where, when, and its drivers."""
    before, after = change.get("from"), change.get("to")
    line = Text("" if before is None else f"{show.score(before)} → ")
    line.append(f"{show.score(after)} ")
    line.append_text(show.band(change["band"]))
    line.append(f"   {show.ago(change['at'], now)}", style="dim")
    out.print(line)
    if change.get("reason"):
        show.hang(out, Text("  "), show.text(change["reason"]))
    tell_drivers(out, change.get("drivers", []), before, after)


def tell_drivers(out: Console, drivers: Sequence[Mapping[str, Any]], before: float | None, after: float | None) -> None:
    """`−13  their admin scored us 2`, a line each, the heaviest first.

    As in a message, what rounds to nothing is left out: it explains no point of the change that is shown.
    """
    heaviest = sorted(drivers, key=lambda driver: -abs(driver["points"]))
    shown = show.drivers([driver["points"] for driver in heaviest], before, after)
    for driver, points in zip(heaviest, shown, strict=True):
        if points:
            prefix = Text(f"  {signed(points):>5}  ", style="red" if points < 0 else "green")
            show.hang(out, prefix, show.text(driver["reason"]))


def _moves(changes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The changes that show in whole points or in the band."""
    before = [*changes[1:], {"band": None}]
    return [
        change
        for change, older in zip(changes, before, strict=False)
        if change["band"] != older["band"] or show.score(change.get("from")) != show.score(change.get("to"))
    ]


def _standing(told: Mapping[str, Any]) -> Text:
    line = show.band(told["band"], f"{show.score(told['score'])} {told['band']}")
    # Behind the plus stands a digest of its content, which is for machines.
    named = told["scorecard"].partition("+")[0]
    has_data = show.text(f"{told['coverage']:.0f} % of the scorecard {named} has data", "dim")
    return Text.assemble(line, "   ", has_data)


def _measures(told: Mapping[str, Any]) -> None:
    rows = []
    for measure in told["measures"]:
        points = measure.get("points")
        shown = Text("no data", style="dim") if points is None else Text(show.score(points))
        rows.append((measure["name"], f"{measure['weight']} %", shown, measure.get("words") or ""))
    show.table(rows, "Measure", "Weight", "Points", "What we see", right=("Weight", "Points"), empty="No measure.")
