"""`keepwell rules plan`, `diff` and `apply`: a folder beside the rules in force, and in their place.

Each service keeps its own documents, and changes them as one; two services don't change at once. So all are asked
first, each with the drafts that it would go by then, and only where nobody refuses they are put in force, in the order
of `SERVICES`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand

from deploy.cli import show, touching
from deploy.cli.client import Keepwell, Refused, Unreachable, connected
from deploy.cli.folder import BY_NAME, KINDS, SERVICES, Document, texts_in
from shared.conditions import Refused as FileRefused
from shared.words import clean, counted

CHANGES: Final = 2
_WRONG: Final = 1
_NAMED_BY_NOBODY: Final = ("mappings", "scorecards")
"""Kinds of which no other service's documents name anything."""
_SIGNS: Final = {"create": "+", "update": "~", "delete": "-"}
_WORDS: Final = {"create": ("to add", "added"), "update": ("to change", "changed"), "delete": ("to remove", "removed")}
Folder = Annotated[
    Path,
    typer.Argument(help="With catalogue.yaml, csms.yaml, and in it scorecards/, playbooks/, templates/ and mappings/."),
]
Prune = Annotated[bool, typer.Option("--prune", help="Remove what the folder has no file of, of kinds that it has.")]
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


class Wanted(NamedTuple):
    """What shall be in force, by service, and what stays though the folder has no file of it."""

    documents: dict[str, list[Item]]
    left: list[Document]

    def asked(self, service: str) -> Item:
        """What a service is asked: its own documents, beside what those before it shall have by then."""
        before = SERVICES[: SERVICES.index(service)] if service == SERVICES[-1] else ()
        beside = [
            {name: one[name] for name in ("kind", "id", "text")}
            for other in before
            for one in self.documents.get(other, ())
            if one["text"] is not None and one["kind"] not in _NAMED_BY_NOBODY
        ]
        return {"documents": self.documents.get(service, []), "beside": beside}


def plan(folder: Folder, prune: Prune = False) -> None:
    """Say what `apply` would do, and what that touches. Exit code 0: nothing; 2: something; 1: it can't be."""
    _plan(folder, prune, _summary)


def diff(folder: Folder, prune: Prune = False) -> None:
    """Say what `apply` would do line by line; with the exit codes of `plan`."""
    _plan(folder, prune, _line_by_line)


def apply(folder: Folder, prune: Prune = False) -> None:
    """Put a folder's texts in force, or nothing where anything can't be; what holds by them is found so."""
    with connected() as keepwell, told():
        wanted = _wanted(keepwell, folder, prune)
        _asked(keepwell, wanted)
        items = _applied(keepwell, wanted)
    changed = _summary([{"items": items}], wanted.left, is_done=True)
    show.say("In force." if changed else "It is in force as it is.")


def _plan(folder: Path, prune: bool, tell: Callable[[Sequence[Item], Sequence[Document]], int]) -> None:
    with _no_other_code(), connected() as keepwell, told():
        wanted = _wanted(keepwell, folder, prune)
        plans = _asked(keepwell, wanted)
    if tell(plans, wanted.left):
        raise typer.Exit(CHANGES)
    show.say("No changes.")


def _asked(keepwell: Keepwell, wanted: Wanted) -> list[Item]:
    """What each service says would become of it."""
    asked = {service: wanted.asked(service) for service in SERVICES}
    return [
        keepwell.post(service, "/v1/rules/plan", one)
        for service, one in asked.items()
        if one["documents"] or one["beside"]
    ]


def _applied(keepwell: Keepwell, wanted: Wanted) -> list[Item]:
    done, items = list[str](), list[Item]()
    for service, documents in wanted.documents.items():
        try:
            items += keepwell.post(service, "/v1/rules/apply", {"documents": documents})["items"]
        except (Refused, Unreachable) as error:
            if not done:
                raise
            # Somebody has changed something between the question and this, or a service has gone.
            for problem in error.body["problems"] if isinstance(error, Refused) and _is_of_texts(error) else ():
                _complain(fault("", problem))
            _complain(str(error))
            kept = f"{' and '.join(done).capitalize()}: in force already; {service}: not."
            raise typer.Exit(_complain(f"{kept} See what is left by `plan`, and apply again.")) from None
        done.append(service)
    return items


def _wanted(keepwell: Keepwell, folder: Path, prune: bool) -> Wanted:
    """What the folder's texts shall be, and what is in force and has no file."""
    found, kinds = texts_in(folder)
    if not found:
        raise typer.Exit(_complain(f"There is no YAML file in {folder}."))
    twice = {one.document for one in found if sum(one.document == other.document for other in found) > 1}
    for document in sorted(twice):
        files = ", ".join(str(one.file) for one in found if one.document == document)
        raise typer.Exit(_complain(f"There is more than one file of {document.words}: {files}."))
    tags = {
        Document(kind.name, one["id"]): one["etag"]
        for kind in KINDS
        if kind.name in kinds
        for one in keepwell.items(kind.service, kind.path)
    }
    texts = {one.document: one.text for one in found}
    # The only one of its kind is not removed because a file isn't there.
    without = sorted(one for one in tags.keys() - texts.keys() if not BY_NAME[one.kind].called)
    wanted = [*texts.items(), *((document, None) for document in (without if prune else ()))]
    order = list(BY_NAME)
    documents: dict[str, list[Item]] = {}
    for document, text in sorted(wanted, key=lambda one: (order.index(one[0].kind), one[0].id)):
        one = {"kind": document.kind, "id": document.id, "text": text, "etag": tags.get(document, "")}
        documents.setdefault(document.service, []).append(one)
    return Wanted({one: documents[one] for one in SERVICES if one in documents}, [] if prune else without)


def _changes(plans: Sequence[Item]) -> list[Item]:
    return [one for each in plans for one in each["items"] if one["change"] != "none"]


def _words(one: Item) -> str:
    return Document(one["kind"], one["id"]).words


def _summary(plans: Sequence[Item], left: Sequence[Document], is_done: bool = False) -> int:
    """Each change on a line. Returns how many there are."""
    changes = _changes(plans)
    for one in changes:
        more = [sum(line[:1] == sign and line[:3] != sign * 3 for line in one["lines"]) for sign in "+-"]
        show.say(f"{_SIGNS[one['change']]} {_words(one)} (+{more[0]} -{more[1]} lines)")
        show.lines(f"    {said}" for said in touching.words_of(one.get("touches")))
    _mention(left)
    if changes:
        for each in plans:
            touching.tell_first_hour(each)
        kinds = [one["change"] for one in changes]
        show.say(
            ", ".join(f"{kinds.count(kind)} {words[is_done]}" for kind, words in _WORDS.items() if kind in kinds) + "."
        )
        services = [one for one in SERVICES if any(BY_NAME[each["kind"]].service == one for each in changes)]
        if len(services) > 1 and not is_done:
            show.say(f"Put in force service by service: {', then '.join(services)}; each all of its own, or nothing.")
    return len(changes)


def _line_by_line(plans: Sequence[Item], left: Sequence[Document]) -> int:
    changes = _changes(plans)
    for one in changes:
        show.say(f"{_SIGNS[one['change']]} {_words(one)}")
        show.lines(one["lines"])
    _mention(left)
    return len(changes)


def _mention(left: Sequence[Document]) -> None:
    if left:
        files = "has no file" if len(left) == 1 else "have no files"
        names = ", ".join(one.words for one in left)
        show.say(f"{names} {files} here and stay{'s' if len(left) == 1 else ''}: --prune removes that.")


@contextmanager
def told(named: object = "") -> Iterator[None]:
    """Say what is wrong with texts, or with the one of this name, as compilers do, and end with 1."""
    try:
        yield
    except FileRefused as error:
        raise typer.Exit(_complain(str(error))) from None
    except Refused as error:
        if not _is_of_texts(error):
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


def _is_of_texts(error: Exception) -> bool:
    return isinstance(error, Refused) and error.code == "document_refused"


def fault(name: object, one: Item) -> str:
    """A fault on a line, with its place."""
    hint = f" {one['hint']}" if one["hint"] else ""
    return clean(f"{one['file'] or name}:{one['line']}:{one['column']}: {one['message']}{hint}")


def _complain(words: str) -> int:
    show.complain(words)
    return _WRONG
