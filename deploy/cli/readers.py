"""`keepwell readers`: who reads the log, which keeps what they have not read."""

from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.lists import READERS

app = READERS.app()


@app.command()
def forget(service: Annotated[str, typer.Argument(help="The service that will not read again.")]) -> None:
    """Keep nothing for a service any more: what only it has not read is lost to it once 14 days old."""
    with connected() as keepwell:
        keepwell.call("DELETE", "ingest", f"{READERS.path}/{segment(service)}")
    show.say(f"{service} is forgotten. Nothing is kept for it any more.")
