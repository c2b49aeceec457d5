"""`keepwell rules plan`, `diff` and `apply`: a folder beside the rules in force, and in their place."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused, connected
from shared.conditions import Refused as FileRefused
from shared.files.nodes import Fields, load
from shared.files.reading import content_of, files_in
from shared.words import clean, counted

CHANGES: Final = 2
_WRONG: Final = 1
_SIGNS: Final = {"create": "+", "update": "~", "delete": "-"}
_WORDS: Final = {"create": ("to add", "added"), "update": ("to change", "changed"), "delete": ("to remove", "removed")}
Folder = Annotated[Path, typer.Argument(help="With the texts: catalogue.yaml is the catalogue, all others are cards.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove what the folder has no file of.")]
Item = dict[str, Any]


class Planning(TyperCommand):
    """A command whose exit code 2 means changes, so a wrong call ends with 1, too."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Read what was given."""
        try:
            return super().make_context(*args, **more)
        except Exception as error:
            # What is wrong with a call carries its exit code; its class is typer's own.
            if getattr(error, "exit_code", None) == CHANGES:
                vars(error)["exit_code"] = _WRONG
            raise


def plan(folder: Folder, prune: Prune = False) -> None:
    """Say what `apply` would do. Exit code 0: nothing; 2: something; 1: it can't be."""
    _plan(folder, prune, _summary)


def diff(folder: Folder, prune: Prune = False) -> None:
    """Say what `apply` would do line by line; with the exit codes of `plan`."""
    _plan(folder, prune, _line_by_line)


def apply(folder: Folder, prune: Prune = False) -> None:
    """Put a folder's texts in force, all of them or none; accounts are rescored at once, and nothing fires by it."""
    with connected() as keepwell, told():
        documents, left = _wanted(keepwell, folder, prune)
        items = keepwell.post("scoring", "/v1/rules/apply", {"documents": documents})["items"]
    changed = _summary(items, left, is_done=True)
    show.say("In force." if changed else "It is in force as it is.")


def _plan(folder: Path, prune: bool, tell: Callable[[Sequence[Item], Sequence[str]], int]) -> None:
    with _no_other_code(), connected() as keepwell, told():
        documents, left = _wanted(keepwell, folder, prune)
        items = keepwell.post("scoring", "/v1/rules/plan", {"documents": documents})["items"]
    if tell(items, left):
        raise typer.Exit(CHANGES)
    show.say("No changes.")


def _wanted(keepwell: Keepwell, folder: Path, prune: bool) -> tuple[list[Item], list[str]]:
    """What the folder's texts shall be, and the names of what is in force and has no file."""
    found = {(kind, id): text for kind, id, text in _texts(folder)}
    tags = {(kind, one["id"]): one["etag"] for kind in ("catalogue", "scorecards") for one in _in_force(keepwell, kind)}
    without = sorted(set(tags) - set(found))
    wanted = [*found.items(), *(((key, None) for key in without) if prune else ())]
    documents = [
        {"kind": kind, "id": id, "text": text, "etag": tags.get((kind, id), "")} for (kind, id), text in wanted
    ]
    if not documents:
        raise typer.Exit(_complain(f"There is no YAML file in {folder}."))
    return documents, [] if prune else [_name(kind, id) for kind, id in without]


def _in_force(keepwell: Keepwell, kind: str) -> Iterator[Item]:
    return keepwell.items("scoring", f"/v1/{kind}")


def _texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The kind, id and text of each file."""
    for path in files_in(folder):
        yield text_of(path)


def text_of(path: Path) -> tuple[str, str, str]:
    """The kind, id and text of a file. Raises what `told` tells."""
    content = content_of(path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise typer.Exit(_complain(f"{path}: This is not UTF-8 text.")) from None
    if path.stem == "catalogue":
        return "catalogue", "main", text
    root = load(content, str(path))
    id = root.get("id") if isinstance(root, Fields) else None
    # Without an id it can't be right: the service says so, at its place.
    return "scorecards", str(id) if isinstance(id, str) else path.stem, text


def _name(kind: str, id: str) -> str:
    return "the catalogue" if kind == "catalogue" else id


def _summary(items: Sequence[Item], left: Sequence[str], is_done: bool = False) -> int:
    """Each change on a line. Returns how many there are."""
    changes = [one for one in items if one["change"] != "none"]
    for one in changes:
        more = [sum(line[:1] == sign and line[:3] != sign * 3 for line in one["lines"]) for sign in "+-"]
        show.say(f"{_SIGNS[one['change']]} {_name(one['kind'], one['id'])} (+{more[0]} -{more[1]} lines)")
    _mention(left)
    if changes:
        kinds = [one["change"] for one in changes]
        show.say(
            ", ".join(f"{kinds.count(kind)} {words[is_done]}" for kind, words in _WORDS.items() if kind in kinds) + "."
        )
    return len(changes)


def _line_by_line(items: Sequence[Item], left: Sequence[str]) -> int:
    changes = [one for one in items if one["change"] != "none"]
    for one in changes:
        show.say(f"{_SIGNS[one['change']]} {_name(one['kind'], one['id'])}")
        show.lines(one["lines"])
    _mention(left)
    return len(changes)


def _mention(left: Sequence[str]) -> None:
    if left:
        files = "has no file" if len(left) == 1 else "have no files"
        show.say(f"{', '.join(left)} {files} here and stay{'s' if len(left) == 1 else ''}: --prune removes that.")


@contextmanager
def told(named: object = "") -> Iterator[None]:
    """Say what is wrong with texts, or with the one of this name, as compilers do, and end with 1."""
    try:
        yield
    except FileRefused as error:
        raise typer.Exit(_complain(str(error))) from None
    except Refused as error:
        if error.code != "document_refused":
            raise
        for one in error.body["problems"]:
            _complain(fault(named, one))
        more = counted(len(error.body["problems"]), "fault")
        raise typer.Exit(_complain(f"Nothing was changed: {more}.")) from None


@contextmanager
def _no_other_code() -> Iterator[None]:
    """2 means changes here, and every failure is 1."""
    try:
        yield
    except typer.Exit as ended:
        raise typer.Exit(_WRONG if ended.exit_code else 0) from None


def fault(name: object, one: Item) -> str:
    """A fault on a line, with its place."""
    hint = f" {one['hint']}" if one["hint"] else ""
    return clean(f"{one['file'] or name}:{one['line']}:{one['column']}: {one['message']}{hint}")


def _complain(words: str) -> int:
    show.complain(words)
    return _WRONG
