"""`keepwell found`: what the end of an import found, and starting it."""

from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.accounts import JsonOption, LimitOption
from deploy.cli.client import connected

app = typer.Typer(help="List what imports found, and start what you want to act on.")


@app.callback(invoke_without_command=True)
def found(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List what held when an import ended, and nobody has started."""
    if context.invoked_subcommand is not None:
        return
    with connected() as keepwell:
        listed = list(keepwell.items("playbooks", "/v1/episodes", limit, account=account, state="found"))
    show.listing(
        listed,
        lambda one: (
            show.short(one["id"]),
            one["account_name"],
            one["playbook_title"],
            _why(one["readings"]),
        ),
        *("Id", "Account", "What", "Why"),
        empty="Nothing was found that waits for you.",
        json=json,
    )


@app.command()
def start(id: Annotated[str, typer.Argument(help="The episode's id, or its beginning.")]) -> None:
    """Start one: its steps go out now."""
    with connected() as keepwell:
        keepwell.move("playbooks", "/v1/episodes", id, "start")
    typer.echo(f"{id} is started.")


def _why(readings: list[dict[str, Any]]) -> str:
    """What the conditions saw; which accounts a playbook is for is no reason."""
    return "; ".join(reading["words"] for reading in readings if not reading["text"].startswith("account."))
