"""`keepwell tasks`: what is to be done, and tasks that people write by hand."""

from typing import Annotated, Any

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import IdArgument, instant
from deploy.cli.work import TASKS

app = TASKS.app()
_Points = Annotated[list[int] | None, typer.Option(help="Its number; give it again for more.")]


@app.command()
def add(
    account: Annotated[str, typer.Argument(help="An account's id.")],
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    assignee: Annotated[str | None, typer.Option(help="An id or e-mail; the account's owner, unless said.")] = None,
    due: Annotated[str | None, typer.Option(help="Such as 2026-03-04, 24h or '2 business days'.")] = None,
    priority: Annotated[str | None, typer.Option(help="info, low, medium, high or critical.")] = None,
    matter: Annotated[str | None, typer.Option(help="What it is about: usage, money, renewal, …")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom it is about: a contact's id.")] = None,
    do: Annotated[str | None, typer.Option(help="How to go about it.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="A point of its checklist; give it again for more.")] = None,
    note: Annotated[str | None, typer.Option(help="Why; it is read first.")] = None,
    key: Annotated[str | None, typer.Option(help="Of your own: the same again is the same task.")] = None,
) -> None:
    """Write a task by hand, and tell whoever it is for."""
    at = instant(due) if due is not None else None
    said = {"account": account, "title": title, "assignee": assignee, "priority": priority, "matter": matter}
    said |= {"contact_id": contact, "do": do, "note": note, "due_at": at, "due": due if at is None else None}
    body: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if check:
        body["checklist"] = check
    with connected() as keepwell:
        headers = {} if key is None else {"Idempotency-Key": key}
        made = keepwell.call("POST", "playbooks", "/v1/tasks", json=body, headers=headers)
    whose = made["assignee_name"] or "nobody"
    when = f", due {show.ago(made['due_at'], show.now())}" if made["due_at"] else ""
    show.say(f"{made['id']} is written: {whose}'s{when} ({made['assigned_because']}).")


@app.command()
def check(
    id: IdArgument,
    tick: _Points = None,
    untick: _Points = None,
    remove: _Points = None,
    add: Annotated[list[str] | None, typer.Option(help="A new point; give it again for more.")] = None,
) -> None:
    """Tick points of a task's checklist by their numbers, add some or take some off."""
    body = {"tick": tick, "untick": untick, "remove": remove, "add": add}
    with connected() as keepwell:
        whole = segment(keepwell.whole_id("playbooks", "/v1/tasks", id))
        given = {name: value for name, value in body.items() if value}
        task = keepwell.post("playbooks", f"/v1/tasks/{whole}/checklist", given)
    for point in task["checklist"]:
        show.say(f"{point['number']}. [{'x' if point['done'] else ' '}] {point['text']}")
