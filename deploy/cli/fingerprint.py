"""`keepwell fingerprint`: one hash of all folded state, and one of the address book."""

from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected
from deploy.cli.listing import JsonOption
from shared.words import clean, counted


def fingerprint(
    at: Annotated[str | None, typer.Option(help="The instant, such as 2026-05-17T12:00:00Z. Without it, now.")] = None,
    json: JsonOption = False,
) -> None:
    """Hash all folded state at an instant: equal for the same events, in whatever order and however often sent."""
    with connected() as keepwell:
        found = keepwell.get("scoring", "/v1/fingerprint", at=at or show.now().isoformat())
        book = keepwell.get("notifier", "/v1/fingerprint")
        if json:
            show.as_json({**found, "book": book})
            return
        accounts = (found["fingerprint"], counted(found["accounts"], "account"), f"at {found['at']}")
        people = (book["fingerprint"], counted(book["contacts"], "contact"), "in the address book")
        for said in (accounts, people):
            typer.echo("  ".join(map(clean, said)))
