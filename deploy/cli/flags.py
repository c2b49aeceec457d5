"""`keepwell flags`: who is ready to grow, and what came of it."""

from typing import Annotated

import typer

from deploy.cli.listing import IdArgument, Move, NoteOption
from deploy.cli.work import FLAGS
from shared.words import minor, monthly

app = FLAGS.app()


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
    move = Move("won", "", f"won: {monthly(amount_minor, currency)}")
    FLAGS.move(id, move, {"amount_minor": amount_minor, "currency": currency, "note": note})
