"""`keepwell playbooks pause|resume|start|end-episodes`: how a playbook runs."""

from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import instant
from shared.words import counted

_Playbook = Annotated[str, typer.Argument(help="A playbook's id.")]


def pause(
    playbook: _Playbook,
    reason: Annotated[str, typer.Option(help="Why.")],
    until: Annotated[str | None, typer.Option(help="Until when; until somebody resumes it, unless said.")] = None,
) -> None:
    """Have a playbook fire nothing for a while. What it has begun goes on."""
    body = {"reason": reason, **({} if until is None else {"until": instant(until) or until})}
    paused = _post(playbook, "pause", body)
    until_when = f"until {show.clock(paused['until'])}" if paused["until"] else "until you resume it"
    show.say(f"{playbook} is paused {until_when}. What becomes true meanwhile will be found so.")


def resume(playbook: _Playbook) -> None:
    """Let a playbook fire again: what holds by now is found so, within the hour."""
    _post(playbook, "resume", {})
    show.say(f"{playbook} fires again. What became true meanwhile comes to `keepwell found` within the hour.")


def start(playbook: _Playbook, account: Annotated[str, typer.Argument(help="An account's id.")]) -> None:
    """Start a playbook at an account by hand, or hear why it can't be."""
    begun = _post(playbook, "start", {"account": account})
    show.say(f"{playbook} has begun at {begun['account_name']}: {begun['id']}.")


def end_episodes(playbook: _Playbook, reason: Annotated[str, typer.Option(help="Why; their tasks say so.")]) -> None:
    """End all that a playbook has begun. Untouched tasks and alerts close; what somebody took up stays."""
    ended, left = 0, 1
    while left:
        came = _post(playbook, "end-episodes", {"reason": reason})
        ended, left = ended + came["ended"], came["left"] if came["ended"] else 0
    show.say(f"{counted(ended, 'episode')} of {playbook} {'is' if ended == 1 else 'are'} ended: {reason}.")


def _post(playbook: str, what: str, body: dict[str, Any]) -> Any:
    with connected() as keepwell:
        return keepwell.post("playbooks", f"/v1/playbooks/{segment(playbook)}/{what}", body)


def with_running(app: typer.Typer) -> typer.Typer:
    """The same commands, with these."""
    for command in (pause, resume, start, end_episodes):
        app.command()(command)
    return app
