"""`keepwell rules versions` and `rollback`: what was put, by whom, and one of it in force again."""

from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import Refused, connected, segment
from deploy.cli.listing import JsonOption

_CATALOGUE: Final = "catalogue"
Document = Annotated[str, typer.Argument(help="A scorecard's id, or `catalogue`.")]
Number = Annotated[int | None, typer.Argument(min=1, help="A version; without one, the last before this.")]


def versions(id: Document, number: Number = None, json: JsonOption = False) -> None:
    """List what was put as a document, newest first; with a number, how that differs from the one before."""
    with connected() as keepwell:
        if number is None:
            found = list(keepwell.items("scoring", f"{_path(id)}/versions"))
        else:
            told = keepwell.get("scoring", f"{_path(id)}/versions/{number}/changes")
    if number is not None:
        show.lines(() if json else told["lines"])
    if json:
        show.as_json(found if number is None else told)
    elif number is None:
        now = show.now()
        rows = [(str(one["version"]), show.ago(one["at"], now), one["author"], _what(one)) for one in found]
        show.table(rows, "version", "at", "by", "", empty="There are none.", right=["version"])


def rollback(id: Document, number: Number = None) -> None:
    """Put an earlier text in force again, as a new version: the given one, or the last before the one in force."""
    with connected() as keepwell:
        latest, *before = keepwell.items("scoring", f"{_path(id)}/versions")
        wanted = _before(id, before) if number is None else number
        headers = {"If-Match": latest["etag"]} if latest["etag"] else {}
        new = keepwell.call("POST", "scoring", f"{_path(id)}/versions/{wanted}/restore", headers=headers)
    show.say(f"{id} is as in version {wanted} again: that is version {new['version']} now.")


def _before(id: str, before: list[dict[str, Any]]) -> int:
    found = next((one["version"] for one in before if one["etag"]), None)
    if found is None:
        raise Refused(404, "not_found", f"There is no text of {id} before this one.")
    return int(found)


def _path(id: str) -> str:
    return "/v1/catalogue/main" if id == _CATALOGUE else f"/v1/scorecards/{segment(id)}"


def _what(one: dict[str, Any]) -> str:
    return "removed" if one["etag"] is None else "as it ships" if one["shipped"] else ""
