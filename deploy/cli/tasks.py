"""`keepwell tasks`: what is to be done, by whom and by when; and how it ended."""

from typing import Annotated, Any

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.accounts import JsonOption, LimitOption
from deploy.cli.client import connected

app = typer.Typer(help="List tasks, and close or reassign them.")

IdArgument = Annotated[str, typer.Argument(help="The task's id, or its beginning.")]
NoteOption = Annotated[str | None, typer.Option(help="What came of it.")]


@app.callback(invoke_without_command=True)
def tasks(
    context: typer.Context,
    assignee: Annotated[str | None, typer.Option(help="Whose: an id or e-mail.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    state: Annotated[str | None, typer.Option(help="open, done, no_result, false_alarm or closed.")] = "open",
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List tasks that are open, or in another state."""
    if context.invoked_subcommand is not None:
        return
    with connected() as keepwell:
        found = keepwell.items("playbooks", "/v1/tasks", limit, assignee=assignee, account=account, state=state)
        listed = sorted(found, key=lambda one: (one["due_at"] is None, one["due_at"] or ""))
    now = show.now()
    show.listing(
        listed,
        lambda one: (
            show.short(one["id"]),
            _due(one, now),
            one["account_name"],
            one["assignee_name"] or "nobody",
            one["state"],
            one["title"],
        ),
        *("Id", "Due", "Account", "Whose", "State", "What to do"),
        empty="Nothing is to be done.",
        json=json,
    )


@app.command()
def done(id: IdArgument, note: NoteOption = None) -> None:
    """Close a task: it is done."""
    _close(id, "done", note)


@app.command("no-result")
def no_result(id: IdArgument, note: NoteOption = None) -> None:
    """Close a task: it was tried, and nothing came of it."""
    _close(id, "no_result", note)


@app.command("false-alarm")
def false_alarm(id: IdArgument, note: NoteOption = None) -> None:
    """Close a task: there was nothing to do. It ends the episode."""
    _close(id, "false_alarm", note)


@app.command()
def reassign(id: IdArgument, to: Annotated[str, typer.Argument(help="An id or e-mail.")]) -> None:
    """Give a task to somebody else, who is told of it."""
    with connected() as keepwell:
        keepwell.move("playbooks", "/v1/tasks", id, "reassign", {"to": to})
    typer.echo(f"{id} is {to}'s now.")


def _close(id: str, how: str, note: str | None) -> None:
    with connected() as keepwell:
        keepwell.move("playbooks", "/v1/tasks", id, how, {"note": note} if note else {})
    typer.echo(f"{id} is closed: {how.replace('_', ' ')}.")


def _due(one: dict[str, Any], now: Any) -> Text:
    due = show.instant(one["due_at"])
    late = due is not None and due < now and one["state"] == "open"
    return Text(show.ago(one["due_at"], now), style="bold red" if late else "")
