"""`keepwell keys`: who may ask and send."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from deploy.cli import show
from deploy.cli.accounts import JsonOption
from deploy.cli.client import connected

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The key's name.")]


@app.command()
def create(
    name: NameArgument,
    scope: Annotated[list[str], typer.Option(help="ingest, read, operate or admin; may be given again.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="All that it may send as; may be given again. The first is for events without a source."),
    ] = None,
    csm: Annotated[str | None, typer.Option(help="The CSM who holds it.")] = None,
    json: JsonOption = False,
) -> None:
    """Make a key and show it, once."""
    body: dict[str, Any] = {"name": name, "scopes": scope}
    body |= {field: value for field, value in (("sources", source), ("csm", csm)) if value is not None}
    with connected() as keepwell:
        made = keepwell.post("ingest", "/v1/keys", body)
    if json:
        show.as_json(made)
        return
    typer.echo(made["key"])
    show.errors().print("This is the only time that it is shown.", style="dim")


@app.command("list")
def list_keys(json: JsonOption = False) -> None:
    """List the keys, without their secrets."""
    with connected() as keepwell:
        listed = list(keepwell.items("ingest", "/v1/keys"))
    now = show.now()
    show.listing(
        listed,
        lambda key: (
            key["name"],
            ", ".join(key["scopes"]),
            key.get("source") or key["name"],
            key.get("csm") or "–",
            show.ago(key.get("created_at"), now),
            "revoked" if key.get("revoked_at") else "in use",
        ),
        *("Name", "Scopes", "Source", "CSM", "Made", "State"),
        empty="No key.",
        json=json,
    )


@app.command()
def revoke(name: NameArgument) -> None:
    """Revoke a key. It stops within 5 seconds, everywhere."""
    with connected() as keepwell:
        keepwell.call("DELETE", "ingest", f"/v1/keys/{quote(name, safe='')}")
    typer.echo(f"{name} is revoked.")
