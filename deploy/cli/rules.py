"""`keepwell rules`: scorecards and the catalogue in force as files, and whether drafts could be."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from deploy.cli import planning, preview, show, versions
from deploy.cli.client import Keepwell, Refused, connected, segment
from deploy.cli.planning import fault
from shared.words import clean

app = typer.Typer(no_args_is_help=True, help="The rules that scoring goes by.")
app.command(cls=planning.Planning)(planning.plan)
app.command(cls=planning.Planning)(planning.diff)
app.command()(planning.apply)
app.command()(preview.preview)
app.command()(versions.versions)
app.command()(versions.rollback)


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


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where to write them; made if need be.")],
) -> None:
    """Write the texts in force into a folder, as they are; files of other names stay."""
    with connected() as keepwell:
        texts = {name: keepwell.content("scoring", path) for name, path in _in_force(keepwell)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text)
        typer.echo(clean(f"{folder / name}"))


def _in_force(keepwell: Keepwell) -> list[tuple[str, str]]:
    """The name of the file that each text makes, with its path."""
    cards = [one["id"] for one in keepwell.items("scoring", "/v1/scorecards")]
    found = [(_file_name(id), f"/v1/scorecards/{segment(id)}") for id in cards]
    main = [("catalogue.yaml", f"/v1/catalogue/{one['id']}") for one in keepwell.items("scoring", "/v1/catalogue")]
    return main + found


def _file_name(id: str) -> str:
    """A card's file; whatever its id holds, it stays inside the folder."""
    return f"{quote(id, safe=' ')}.yaml"


def _is_usable(keepwell: Keepwell, path: Path) -> bool:
    kind = "catalogue" if path.stem == "catalogue" else "scorecards"
    try:
        told = keepwell.call("POST", "scoring", f"/v1/{kind}/check", content=path.read_bytes())
    except Refused as error:
        if error.code != "document_refused":
            raise
        for one in error.body["problems"]:
            show.complain(fault(path, one))
        return False
    for one in told["warnings"]:
        typer.echo(fault(path, one))
    typer.echo(clean(f"{path}: can be used"))
    return True
