"""`keepwell readers`: who reads the log, which keeps what they have not read."""

from typing import Annotated
from urllib.parse import quote

import typer

from deploy.cli import show
from deploy.cli.accounts import JsonOption
from deploy.cli.client import connected

app = typer.Typer(help="See who reads the log, and forget a service that is gone for good.", no_args_is_help=True)


@app.command("list")
def list_readers(json: JsonOption = False) -> None:
    """List the services that read, and since when something waits for each."""
    with connected() as keepwell:
        listed = list(keepwell.items("ingest", "/v1/readers"))
    now = show.now()
    show.listing(
        listed,
        lambda reader: (reader["service"], show.ago(reader["oldest_unread"], now) if reader["oldest_unread"] else "–"),
        *("Service", "Oldest unread"),
        empty="Nobody reads.",
        json=json,
    )


@app.command()
def forget(service: Annotated[str, typer.Argument(help="The service that will not read again.")]) -> None:
    """Keep nothing for a service any more: what only it has not read is lost to it once 14 days old."""
    with connected() as keepwell:
        keepwell.call("DELETE", "ingest", f"/v1/readers/{quote(service, safe='')}")
    typer.echo(f"{service} is forgotten. Nothing is kept for it any more.")
