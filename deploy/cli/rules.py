"""`keepwell rules check`: whether files of scorecards and the catalogue can be used, beside the rules in force."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused, connected
from shared.words import clean

app = typer.Typer(no_args_is_help=True, help="The rules that scoring goes by.")


@app.callback()
def rules() -> None:
    """Make `check` a command by name even while it is the only one."""


@app.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="Scorecards; catalogue.yaml is the catalogue."),
    ],
) -> None:
    """Say what is wrong with drafts, each beside the rules in force; nothing is changed. Exit code 1 when any is."""
    with connected() as keepwell:
        refused = [path for path in files if not _is_usable(keepwell, path)]
    if refused:
        raise typer.Exit(1)


def _is_usable(keepwell: Keepwell, path: Path) -> bool:
    kind = "catalogue" if path.stem == "catalogue" else "scorecards"
    try:
        told = keepwell.call("POST", "scoring", f"/v1/{kind}/check", content=path.read_bytes())
    except Refused as error:
        if error.code != "document_refused":
            raise
        for one in error.body["problems"]:
            show.complain(_line(path, one))
        return False
    for one in told["warnings"]:
        typer.echo(_line(path, one))
    typer.echo(clean(f"{path}: can be used"))
    return True


def _line(path: Path, one: dict[str, Any]) -> str:
    hint = f" {one['hint']}" if one["hint"] else ""
    return clean(f"{one['file'] or path}:{one['line']}:{one['column']}: {one['message']}{hint}")
