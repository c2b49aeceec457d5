"""What people work through, at the command line: tasks, alerts, flags, and what was found so."""

from typing import Annotated, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.detail import show_item
from deploy.cli.listing import Column, Item, Listing, Move, NoteOption, option
from deploy.cli.lists import ACCOUNT, ID, NAME, SEVERITIES, field, plain, since

NOTE: Final = {"note": NoteOption}
_SAY: Final = {"note": Annotated[str, typer.Option(help="What you say.")]}
_WHY: Final = {"note": Annotated[str | None, typer.Option(help="Why; it is read first.")]}
_UNTIL: Final = {"until": option("Until when, such as 2026-03-04 or 2026-03-04T14:00; a day, unless said."), **NOTE}
_OF_ITEMS: Final = {
    "assignee": option("Whose: an id or e-mail."),
    **ACCOUNT,
    "playbook": option("A playbook's id."),
    "matter": option("usage, onboarding, support, voice, money, people, renewal, growth or leaving."),
    "severity": option("info, low, medium, high or critical; several by commas."),
    "team": option("Of who is in a team, or leads it."),
    "unassigned": option("true: only what nobody has."),
    "overdue": option("true: only what is overdue."),
    "due_before": option("Due before then, such as 2026-03-04.", "--due-before"),
    "opened_since": option("Opened since then.", "--opened-since"),
    "last_resort": option("true: only what nobody was found for.", "--last-resort"),
}
_REASSIGN: Final = Move(
    "reassign",
    "Give it to somebody else, who is told of it.",
    "{to}'s now",
    {"to": Annotated[str, typer.Argument(help="An id or e-mail.")], **_WHY},
)
_COMMENT: Final = Move("comment", "Say something about it; its history keeps it.", "noted", _SAY)


def _severity(item: Item) -> Text:
    return show.text(item["severity"], SEVERITIES.get(item["severity"], ""))


def _seen_by(alert: Item) -> Text | str:
    """By when it is to be acknowledged, as long as it is not."""
    return _due(alert) if alert["state"] == "open" and alert.get("due_at") else ""


def _due(item: Item) -> Text:
    due, now = show.instant(item.get("due_at")), show.now()
    late = due is not None and due < now and item["state"] in ("open", "taken", "snoozed")
    return show.text(show.ago(item.get("due_at"), now), "bold red" if late else "")


def _whose(item: Item) -> Text:
    """Who has it, and in short who was passed over."""
    name = show.text(item["assignee_name"] or "nobody", "bold red" if item.get("last_resort") else "")
    because = ["last resort"] if item.get("last_resort") else []
    return name + show.text("".join(f"; {one}" for one in [*because, *item.get("passed_over", ())]), "dim")


TASKS: Final = Listing(
    help="List tasks that are to be done, or in another state; due first in front.",
    at=("playbooks", "/v1/tasks"),
    filters={
        "state": option("open, taken, snoozed, done, no_result, false_alarm or closed; several by commas."),
        **_OF_ITEMS,
        "by_hand": option("true: only what a person wrote.", "--by-hand"),
    },
    given={"state": "open,taken,snoozed"},
    columns=(
        ID,
        Column("Due", _due),
        NAME,
        Column("Whose", _whose),
        plain("state"),
        Column("Priority", _severity),
        field("What to do", "title"),
    ),
    order=lambda one: (one["due_at"] is None, one["due_at"] or ""),
    empty="Nothing is to be done.",
    details=show_item,
    is_bulk=True,
    moves=(
        Move("take", "Take it on: it is yours, even when what it is about has passed.", "taken", NOTE),
        _COMMENT,
        Move("snooze", "Be told of it again later.", "snoozed", _UNTIL),
        Move(
            "done",
            "Close a task: it is done. The account's timeline has how you talked.",
            "closed: done",
            {
                **NOTE,
                "interaction": option("call, email, meeting or other; none when nobody was talked to."),
                "contact_id": option("With whom; whom the task is about, unless said.", "--contact"),
            },
        ),
        Move("no_result", "Close a task: it was tried, and nothing came of it.", "closed: no result", NOTE),
        Move("false_alarm", "Close a task: there was nothing to do. It ends the episode.", "closed: false alarm", NOTE),
        _REASSIGN,
        Move("reopen", "Open a task again that was closed.", "open again", NOTE),
        Move(
            "due",
            "Say by when it is to be done.",
            "due {due_at}",
            {"due_at": Annotated[str, typer.Argument(help="An instant, such as 2026-03-02T17:00.")], **NOTE},
        ),
        Move(
            "priority",
            "Say how pressing it is.",
            "of priority {priority}",
            {"priority": Annotated[str, typer.Argument(help="info, low, medium, high or critical.")], **NOTE},
        ),
    ),
)

ALERTS: Final = Listing(
    help="List alerts, newest first.",
    at=("playbooks", "/v1/alerts"),
    filters={"state": option("open, acknowledged, snoozed, false_alarm or closed; several by commas."), **_OF_ITEMS},
    columns=(
        ID,
        since("When", "opened_at"),
        NAME,
        Column("Whose", _whose),
        Column("Severity", _severity),
        plain("state"),
        Column("Acknowledge", _seen_by),
        field("What", "title"),
    ),
    limit=50,
    empty="No alert.",
    details=show_item,
    is_bulk=True,
    moves=(
        Move("acknowledge", "Say that you have seen it and look after it.", "acknowledged", NOTE),
        _COMMENT,
        Move("snooze", "Be told again later.", "snoozed", _UNTIL),
        Move("close", "Say that it is settled.", "closed", NOTE),
        _REASSIGN,
        Move("false_alarm", "Say that it was nothing. It ends the episode.", "closed as a false alarm", NOTE),
    ),
)

FLAGS: Final = Listing(
    help="List expansion flags, newest first.",
    at=("playbooks", "/v1/flags"),
    filters={"state": option("open, accepted, dismissed, won, lost or closed; several by commas."), **_OF_ITEMS},
    columns=(
        ID,
        since("When", "opened_at"),
        NAME,
        Column("Whose", _whose),
        plain("state"),
        Column("Won", lambda one: show.monthly(one["amount_minor"], one["currency"])),
        field("Why", "title"),
    ),
    limit=50,
    empty="Nobody is flagged as ready to grow.",
    details=show_item,
    is_bulk=True,
    moves=(
        Move("accept", "Take it on.", "accepted", NOTE),
        _COMMENT,
        Move("dismiss", "Say that this is no chance.", "dismissed", NOTE),
        Move("lost", "Say that they did not buy.", "lost", NOTE),
        _REASSIGN,
    ),
)

FOUND: Final = Listing(
    help="List what held when an import ended, or a playbook came or changed, and nobody has started.",
    at=("playbooks", "/v1/episodes"),
    filters={**ACCOUNT, "playbook": option("A playbook's id.")},
    fixed={"state": "found"},
    columns=(ID, NAME, field("What", "playbook_title"), Column("Why", lambda one: "; ".join(one["why"]))),
    empty="Nothing was found that waits for you.",
    is_bulk=True,
    moves=(
        Move("start", "Start it: its steps go out now.", "started"),
        Move("dismiss", "Let it be: nobody is asked about it while it lasts.", "let be", NOTE),
    ),
)
