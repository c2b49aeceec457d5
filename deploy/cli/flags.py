"""`keepwell flags`: who is ready to grow, and what came of it."""

from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.accounts import JsonOption, LimitOption
from deploy.cli.client import connected
from shared.words import minor, monthly

app = typer.Typer(help="List expansion flags, and say what came of them.")

IdArgument = Annotated[str, typer.Argument(help="The flag's id, or its beginning.")]
NoteOption = Annotated[str | None, typer.Option(help="What came of it.")]


@app.callback(invoke_without_command=True)
def flags(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    state: Annotated[str | None, typer.Option(help="open, accepted, dismissed, won, lost or closed.")] = None,
    limit: LimitOption = 50,
    json: JsonOption = False,
) -> None:
    """List expansion flags, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connected() as keepwell:
        listed = list(keepwell.items("playbooks", "/v1/flags", limit, account=account, state=state))
    now = show.now()
    show.listing(
        listed,
        lambda one: (
            show.short(one["id"]),
            show.ago(one["opened_at"], now),
            one["account_name"],
            one["state"],
            show.monthly(one["amount_minor"], one["currency"]),
            one["title"],
        ),
        *("Id", "When", "Account", "State", "Won", "Why"),
        empty="Nobody is flagged as ready to grow.",
        json=json,
    )


@app.command()
def accept(id: IdArgument, note: NoteOption = None) -> None:
    """Take it on."""
    _move(id, "accept", "accepted", note)


@app.command()
def dismiss(id: IdArgument, note: NoteOption = None) -> None:
    """Say that this is no chance."""
    _move(id, "dismiss", "dismissed", note)


@app.command()
def won(
    id: IdArgument,
    amount: Annotated[str, typer.Option(help="What it brings a month, in the currency's main unit.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as EUR.")],
    note: NoteOption = None,
) -> None:
    """Say that they bought, and for how much."""
    try:
        amount_minor = minor(amount, currency)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _move(id, "won", f"won: {monthly(amount_minor, currency)}", note, amount_minor=amount_minor, currency=currency)


@app.command()
def lost(id: IdArgument, note: NoteOption = None) -> None:
    """Say that they did not buy."""
    _move(id, "lost", "lost", note)


def _move(id: str, move: str, words: str, note: str | None, **more: Any) -> None:
    with connected() as keepwell:
        keepwell.move("playbooks", "/v1/flags", id, move, more | ({"note": note} if note else {}))
    typer.echo(f"{id} is {words}.")
