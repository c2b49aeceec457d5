"""`keepwell keys`: who may ask and send."""

from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected
from deploy.cli.listing import JsonOption
from deploy.cli.lists import KEYS

app = KEYS.app()


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read, operate or admin; may be given again.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="All that it may send as; may be given again. The first is for events without a source."),
    ] = None,
    csm: Annotated[str | None, typer.Option(help="The CSM who holds it.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a key and show it, once."""
    held = {field: value for field, value in (("sources", source), ("csm", csm)) if value is not None}
    with connected() as keepwell:
        made = keepwell.post(*KEYS.at, {"name": name, "scopes": scope, **held})
        if json:
            show.as_json(made)
            return
        show.say(made["key"])
    show.errors().print("This is the only time that it is shown.", style="dim")
