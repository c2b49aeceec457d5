"""`keepwell preferences [PERSON]`: when, where and of what somebody hears, read or set."""

from typing import Annotated, Any, Final

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import JsonOption

_NONE: Final = "none"
_NEVER: Final = "never"


def preferences(
    person: Annotated[
        str, typer.Argument(help="An id of the directory, an e-mail there, or me: the CSM who holds the key.")
    ] = "me",
    daily: Annotated[str | None, typer.Option(help="When their day is told, such as 08:30; or never.")] = None,
    weekly: Annotated[str | None, typer.Option(help='When their week is told, such as "mon 08:30"; or never.')] = None,
    quiet: Annotated[str | None, typer.Option(help="When nothing disturbs them, such as 20:00-07:30; or none.")] = None,
    passing: Annotated[
        str | None, typer.Option("--except", help="What comes in quiet hours all the same: this severity and worse.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="slack, email or inbox, for what names no channel; or none.")
    ] = None,
    digest_from: Annotated[
        str | None, typer.Option(help="This severity and what is milder waits for the digest; none: nothing does.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show when, where and of what somebody hears; or set what is given, and leave the rest as it is."""
    path = f"/v1/preferences/{segment(person)}"
    with connected() as keepwell:
        found = keepwell.get("notifier", path)
        said = {name: found[name] for name in ("digest", "quiet", "channel", "digest_from")}
        changed = _changed(said, daily, weekly, quiet, passing, channel, digest_from)
        if changed != said:
            found = keepwell.call("PUT", "notifier", path, json=changed)
    if json:
        show.as_json(found)
    else:
        for line in _words(found):
            show.say(line)


def _changed(
    said: dict[str, Any],
    daily: str | None,
    weekly: str | None,
    quiet: str | None,
    passing: str | None,
    channel: str | None,
    digest_from: str | None,
) -> dict[str, Any]:
    """All of it, with what is given."""
    digest = {
        name: known if given is None else None if given == _NEVER else given
        for name, given, known in (
            ("daily", daily, said["digest"]["daily"]),
            ("weekly", weekly, said["digest"]["weekly"]),
        )
    }
    now: dict[str, Any] = {**said, "digest": digest}
    for name, given in (("channel", channel), ("digest_from", digest_from)):
        if given is not None:
            now[name] = None if given == _NONE else given
    if quiet is not None:
        begins, _, ends = quiet.partition("-")
        before = said["quiet"] or {}
        passes = {"except": before["except"]} if "except" in before else {}
        now["quiet"] = None if quiet == _NONE else {"from": begins.strip(), "to": ends.strip(), **passes}
    if passing is not None:
        if now["quiet"] is None:
            raise typer.BadParameter("There are no quiet hours that it could pass: give --quiet 20:00-07:30, too.")
        now["quiet"] = {**now["quiet"], "except": passing}
    return now


def _words(found: dict[str, Any]) -> list[str]:
    digest, quiet = found["digest"], found["quiet"]
    by = f", set by {found['set_by']}" if found["set_by"] else ", as for everybody"
    return [
        f"{found['person']}{by}",
        f"day: {digest['daily'] or _NEVER}",
        f"week: {digest['weekly'] or _NEVER}",
        f"quiet: {_quiet(quiet) if quiet else _NONE}",
        f"channel: {found['channel'] or 'what is set up here'}",
        f"waits: {_waits(found['digest_from'])}",
    ]


def _quiet(quiet: dict[str, Any]) -> str:
    return f"{quiet['from']} to {quiet['to']}, but {quiet['except']} and worse comes"


def _waits(severity: str | None) -> str:
    return f"{severity} and milder, for the digest" if severity is not None else "nothing"
