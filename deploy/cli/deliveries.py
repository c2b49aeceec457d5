"""`keepwell deliveries`: what was sent to whom, and how it went."""

import html
from typing import Annotated, Any

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.accounts import JsonOption, LimitOption
from deploy.cli.client import connected
from shared.words import counted

app = typer.Typer(help="Show what was sent to whom, and how it went; try again what failed.")
STATES = {"delivered": "green", "failed": "bold red", "cancelled": "dim"}

IdArgument = Annotated[str, typer.Argument(help="The delivery's id, or its beginning.")]


@app.callback(invoke_without_command=True)
def deliveries(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    state: Annotated[str | None, typer.Option(help="waiting, sending, delivered, failed or cancelled.")] = None,
    channel: Annotated[str | None, typer.Option(help="slack, email or inbox, or one target: slack:#renewals.")] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connected() as keepwell:
        found = keepwell.items("notifier", "/v1/deliveries", limit, account=account, state=state, channel=channel)
        listed = list(found)
    now = show.now()
    show.listing(
        listed,
        lambda one: (
            show.short(one["id"]),
            show.ago(one["created_at"], now),
            Text(one["state"], style=STATES.get(one["state"], "yellow")),
            one["account"],
            f"{one['kind']} of {one['playbook'].partition('@')[0]}",
            _took(one),
        ),
        *("Id", "When", "State", "Account", "What", "How it went"),
        empty="Nothing was sent yet.",
        json=json,
    )


@app.command("show")
def show_one(id: IdArgument, json: JsonOption = False) -> None:
    """Show one delivery as it was sent, with every attempt."""
    with connected() as keepwell:
        whole = keepwell.whole_id("notifier", "/v1/deliveries", id)
        one = keepwell.get("notifier", f"/v1/deliveries/{whole}")
    if json:
        show.as_json(one)
        return
    out = show.console()
    out.print(Text(f"{one['channel']}: {one['state']}", style=STATES.get(one["state"], "yellow")))
    if one["because"]:
        out.print(Text(one["because"], style="dim"))
    said = one["rendered"]["text"]
    # Slack gets its text with three characters as entities.
    out.print(Text(html.unescape(said) if one["channel"].startswith("slack") else said))
    for attempt in one["attempt_history"]:
        reason = f": {attempt['reason']}" if attempt["reason"] else ""
        began = f"{show.instant(attempt['began_at']):%Y-%m-%d %H:%M:%S} UTC"
        out.print(Text(f"{began}  attempt {attempt['attempt']} {attempt['outcome']}{reason}", style="dim"))


@app.command()
def retry(id: IdArgument) -> None:
    """Try a failed delivery again."""
    with connected() as keepwell:
        keepwell.move("notifier", "/v1/deliveries", id, "retry")
    typer.echo(f"{id} is tried again.")


def _took(one: dict[str, Any]) -> str:
    parts = [one["channel"]]
    if one.get("seconds") is not None:
        parts.append(f"{one['seconds']:.2f} s after the event")
    if one["attempts"] > 1:
        parts.append(counted(one["attempts"], "attempt"))
    if one["uncertain"]:
        parts.append("may have come twice")
    if one["reason"]:
        parts.append(one["reason"])
    return ", ".join(parts)
