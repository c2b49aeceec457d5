"""`keepwell alerts`: what people were told, and what they made of it."""

from typing import Annotated

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.accounts import JsonOption, LimitOption
from deploy.cli.client import connected

app = typer.Typer(help="List alerts, and acknowledge or snooze them.")
SEVERITIES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "", "info": "dim"}

IdArgument = Annotated[str, typer.Argument(help="The alert's id, or its beginning.")]


@app.callback(invoke_without_command=True)
def alerts(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    state: Annotated[str | None, typer.Option(help="open, acknowledged, snoozed, false_alarm or closed.")] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List alerts, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connected() as keepwell:
        listed = list(keepwell.items("playbooks", "/v1/alerts", limit, account=account, state=state))
    now = show.now()
    show.listing(
        listed,
        lambda one: (
            show.short(one["id"]),
            show.ago(one["opened_at"], now),
            one["account_name"],
            Text(one["severity"], style=SEVERITIES.get(one["severity"], "")),
            one["state"],
            one["title"],
        ),
        *("Id", "When", "Account", "Severity", "State", "What"),
        empty="No alert.",
        json=json,
    )


@app.command()
def acknowledge(id: IdArgument) -> None:
    """Say that you have seen it and look after it."""
    _move(id, "acknowledge", "acknowledged")


@app.command()
def snooze(
    id: IdArgument, until: Annotated[str | None, typer.Option(help="Until when; without it, for a day.")] = None
) -> None:
    """Be told again later."""
    _move(id, "snooze", "snoozed", until)


@app.command("false-alarm")
def false_alarm(id: IdArgument) -> None:
    """Say that it was nothing. It ends the episode."""
    _move(id, "false_alarm", "closed as a false alarm")


def _move(id: str, move: str, words: str, until: str | None = None) -> None:
    with connected() as keepwell:
        keepwell.move("playbooks", "/v1/alerts", id, move, {"until": until} if until else {})
    typer.echo(f"{id} is {words}.")
