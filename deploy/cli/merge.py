"""`keepwell merge OLD NEW`: let an account go on as another."""

from hashlib import sha256
from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment


def merge(
    old: Annotated[str, typer.Argument(help="The account that goes on as another: a duplicate.")],
    new: Annotated[str, typer.Argument(help="The account that it goes on as.")],
) -> None:
    """Merge an account into another, for good: what is sent of it from now on is the other's."""
    with connected() as keepwell:
        for account in (old, new):
            # Who is asked for first is who was misspelt.
            keepwell.get("scoring", f"/v1/accounts/{segment(account)}")
        id = f"merge-{sha256(f'{old} {new}'.encode()).hexdigest()[:32]}"
        event = {"id": id, "type": "account.merged", "account": old, "data": {"into": new}}
        keepwell.post("ingest", "/v1/events", [event])
    show.say(
        f"{old} goes on as {new}: its open work is closed, and it leaves all figures. Its history stays with it; send "
        f"it again (keepwell send --history) where it shall count for {new}."
    )
