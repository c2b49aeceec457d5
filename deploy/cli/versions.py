"""`keepwell rules versions` and `rollback`: what was put, by whom, and one of it in force again."""

from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Keepwell, Refused, connected
from deploy.cli.folder import KINDS, Document, named
from deploy.cli.listing import JsonOption

_MANY: Final = [kind for kind in KINDS if not kind.called]
Given = Annotated[str, typer.Argument(help="`catalogue`, `csms`, `playbooks/ID`; or an id that only one kind has.")]
Number = Annotated[int | None, typer.Argument(min=1, help="A version; without one, the last before this.")]


def versions(document: Given, number: Number = None, json: JsonOption = False) -> None:
    """List what was put as a document, newest first; with a number, how that differs from the one before."""
    with connected() as keepwell:
        one = _meant(keepwell, document)
        if number is None:
            found = list(keepwell.items(one.service, f"{one.path}/versions"))
        else:
            told = keepwell.get(one.service, f"{one.path}/versions/{number}/changes")
    if number is not None:
        show.lines(() if json else told["lines"])
    if json:
        show.as_json(found if number is None else told)
    elif number is None:
        now = show.now()
        rows = [(str(each["version"]), show.ago(each["at"], now), each["author"], _what(each)) for each in found]
        show.table(rows, "version", "at", "by", "", empty="There are none.", right=["version"])


def rollback(document: Given, number: Number = None) -> None:
    """Put an earlier text in force again, as a new version: the given one, or the last before the one in force."""
    with connected() as keepwell:
        one = _meant(keepwell, document)
        latest, *before = keepwell.items(one.service, f"{one.path}/versions")
        wanted = _before(one.words, before) if number is None else number
        headers = {"If-Match": latest["etag"]} if latest["etag"] else {}
        new = keepwell.call("POST", one.service, f"{one.path}/versions/{wanted}/restore", headers=headers)
    show.say(f"{one.words} is as in version {wanted} again: that is version {new['version']} now.")


def _before(id: str, before: list[dict[str, Any]]) -> int:
    found = next((one["version"] for one in before if one["etag"]), None)
    if found is None:
        raise Refused(404, "not_found", f"There is no text of {id} before this one.")
    return int(found)


def _meant(keepwell: Keepwell, given: str) -> Document:
    """The document that was named; of an id alone, the one in force that has it."""
    if isinstance(document := named(given), Document):
        return document
    found = [
        Document(kind.name, given)
        for kind in _MANY
        if any(one["id"] == given for one in keepwell.items(kind.service, kind.path))
    ]
    if len(found) == 1:
        return found[0]
    ways = ", ".join(one.words for one in found) or ", ".join(f"{kind.name}/{given}" for kind in _MANY)
    said = "More than one has this id" if found else f"Nothing in force has the id {given}"
    raise Refused(404, "not_found", f"{said}: say which is meant, such as {ways}.")


def _what(one: dict[str, Any]) -> str:
    return "removed" if one["etag"] is None else "as it ships" if one["shipped"] else ""
