"""`keepwell rules`: all documents in force as files, and whether drafts could be."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import planning, preview, show, versions
from deploy.cli.client import Keepwell, Refused, connected
from deploy.cli.folder import KINDS, Document, Text, files_of, text_of
from deploy.cli.planning import fault, told
from shared.words import clean

app = typer.Typer(
    no_args_is_help=True,
    help="What all go by: catalogue, scorecards, people, playbooks, templates, mappings.",
)
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
        typer.Argument(exists=True, help="Drafts, or folders of them, laid out as `export` does."),
    ],
) -> None:
    """Say what is wrong with drafts, each beside the rules in force; nothing is changed. Exit code 1 when any is."""
    with connected() as keepwell, told():
        refused = [path for path in files_of(files) if not _is_usable(keepwell, text_of(path))]
    if refused:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where to write them; made if need be.")],
) -> None:
    """Write the texts in force into a folder, as they are; files of other names stay."""
    with connected() as keepwell:
        found = [Document(kind.name, one["id"]) for kind in KINDS for one in keepwell.items(kind.service, kind.path)]
        texts = {one.file: keepwell.content(one.service, one.path) for one in found}
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text)
        typer.echo(clean(f"{folder / file}"))


def _is_usable(keepwell: Keepwell, one: Text) -> bool:
    document, path = one.document, one.file
    try:
        answer = keepwell.call("POST", document.service, f"/v1/{document.kind}/check", content=path.read_bytes())
    except Refused as error:
        if error.code != "document_refused":
            raise
        for problem in error.body["problems"]:
            show.complain(fault(path, problem))
        return False
    for warning in answer["warnings"]:
        typer.echo(fault(path, warning))
    for sample in answer.get("samples", ()):
        _show_sample(sample)
    typer.echo(clean(f"{path}: can be used"))
    return True


def _show_sample(sample: dict[str, Any]) -> None:
    if sample.get("problem"):
        show.complain(f"{sample['language']}: it can't be written: {sample['problem']}.")
        return
    show.say(f"{sample['language']}: {sample['subject']}")
    show.lines(f"    {line}" for line in sample["body"].splitlines())
