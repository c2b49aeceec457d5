"""The record: `keepwell timeline`, `note`, `contacts`, `tickets`, `invoices`, `subscriptions` and `usage`."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, connected, segment
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import NAME, OF_ACCOUNTS, field, plain, since
from shared.words import date_words, listed, number

TIMELINE: Final = Listing(
    help="List what happened to an account ($company is ourselves), or to all, newest first, usage apart.",
    at=("scoring", "/v1/timeline"),
    filters={
        "type": option("A type, such as note.added, or a family of them, such as ticket."),
        "contact": option("Only what is about this contact of the account."),
        "subject": option("Only what is about this ticket, invoice or subscription of the account."),
        **OF_ACCOUNTS,
        "since": option("Since when, such as 2026-01-01.", "--from"),
        "until": option("Until when.", "--to"),
    },
    called={"since": "from", "until": "to"},
    columns=(since("When", "at"), NAME, Column("What", lambda one: one["words"])),
    limit=50,
    empty="Nothing has happened yet.",
)


def _day(one: Item, name: str) -> str:
    at = show.instant(one[name])
    return "–" if at is None else date_words(at)


def _state_of_ticket(ticket: Item) -> Text:
    if ticket["merged_into"]:
        return show.text(f"goes on in {ticket['merged_into']}", "dim")
    if not ticket["open"]:
        return show.text(f"closed {_day(ticket, 'closed_at')}", "dim")
    return show.text(f"open, {ticket['priority']}", "bold red" if ticket["priority"] == "urgent" else "")


TICKETS: Final = Listing(
    help="List the tickets of an account, or of all, newest first.",
    at=("scoring", "/v1/tickets"),
    filters={
        "open": option("true: only open ones; false: only closed ones.", "--open"),
        "priority": option("low, normal, high or urgent."),
        **OF_ACCOUNTS,
    },
    columns=(
        Column("Id", lambda one: one["id"]),
        NAME,
        since("Opened", "opened_at"),
        Column("State", _state_of_ticket),
        field("From", "requester"),
        field("What", "title"),
    ),
    limit=50,
    empty="No ticket.",
)


def _state_of_invoice(invoice: Item) -> Text:
    if invoice["overdue"]:
        return show.text("overdue", "bold red")
    disputed = invoice["dispute"] == "open"
    return show.text("disputed" if disputed else invoice["status"].replace("_", " "), "" if invoice["open"] else "dim")


INVOICES: Final = Listing(
    help="List the invoices of an account, or of all, those due last first.",
    at=("scoring", "/v1/invoices"),
    filters={
        "open": option("true: only what is to be paid; false: only what is settled.", "--open"),
        "overdue": option("true: only what is overdue.", "--overdue"),
        **OF_ACCOUNTS,
    },
    columns=(
        Column("Id", lambda one: one["id"]),
        NAME,
        Column("Amount", lambda one: show.money(one["amount_minor"], one["currency"]), is_number=True),
        Column("Due", lambda one: _day(one, "due_at")),
        Column("State", _state_of_invoice),
        Column("Settled", lambda one: _day(one, "settled_at")),
    ),
    limit=50,
    empty="No invoice.",
)


def _said(contact: Item) -> str:
    answers = contact["answers"].items()
    return listed([f"{kind.upper()} {answer['score']}" for kind, answer in sorted(answers)]) if answers else "–"


def _reach(keepwell: Keepwell, account: str, people: Sequence[dict[str, Any]]) -> None:
    """How each is reached, by the address book of the notifier."""
    book = {one["id"]: one for one in keepwell.items("notifier", f"/v1/contacts/{segment(account)}")}
    for one in people:
        known = book.get(one["id"], {})
        one.update({name: known.get(name) for name in ("email", "phone", "language", "consents", "bounced")})


def _reached_by(person: Item) -> str:
    ways = [person[how] for how in ("phone", "email") if person.get(how)]
    return (listed(ways) or "–") + (", which bounced" if person.get("bounced") and person.get("email") else "")


CONTACTS: Final = Listing(
    help="List the people of an account, and how they are reached, or of all; what they said last, and when they were "
    "seen.",
    at=("scoring", "/v1/contacts"),
    filters={
        "role": option("A role, such as champion."),
        "left": option("true: only who has left; false: only who is there.", "--left"),
        **OF_ACCOUNTS,
    },
    columns=(
        Column("Contact", lambda one: one["name"] or one["id"]),
        NAME,
        Column("Roles", lambda one: listed(one["roles"]) if one["roles"] else "–"),
        Column("There", lambda one: show.text("has left", "yellow") if one["left"] else "yes"),
        Column("Said", _said),
        since("Talked", "talked_at"),
        field("Seen", "last_seen"),
        Column("Reached by", _reached_by),
    ),
    beside=_reach,
    limit=50,
    empty="Nobody is known there.",
)

SUBSCRIPTIONS: Final = Listing(
    help="List the subscriptions of an account, or of all, as they stand.",
    at=("scoring", "/v1/subscriptions"),
    filters={"live": option("true: only live ones; false: only those that ended.", "--live"), **OF_ACCOUNTS},
    columns=(
        Column("Subscription", lambda one: one["id"] or "(unnamed)"),
        NAME,
        Column("Plan", lambda one: one["plan"] or "–"),
        Column("Monthly", lambda one: show.money(one["mrr_minor"], one["currency"]), is_number=True),
        Column("Seats", lambda one: "–" if one["seats"] is None else str(one["seats"]), is_number=True),
        Column("State", lambda one: (one["status"] or "active") if one["live"] else show.text("ended", "dim")),
        Column("Renews", lambda one: _day(one, "renews_at")),
        Column("Ends", lambda one: _day(one, "ends_at")),
    ),
    limit=50,
    empty="No subscription.",
)


USAGE: Final = Listing(
    help="List what an account, or each of all, used on each day, newest first, for 400 days.",
    at=("scoring", "/v1/usage"),
    filters={
        "feature": option("Only this feature."),
        "since": option("The first day, such as 2026-01-01.", "--from"),
        "until": option("The last day.", "--to"),
        **OF_ACCOUNTS,
    },
    called={"since": "from", "until": "to"},
    columns=(
        plain("day"),
        NAME,
        Column("Feature", lambda one: one["feature"] or "(others)"),
        Column("Times", lambda one: number(one["uses"]), is_number=True),
        Column("Quantity", lambda one: number(one["quantity"]), is_number=True),
    ),
    limit=50,
    empty="Nothing was used.",
)


def note(
    account: Annotated[str, typer.Argument(help="An account's id; $company is ourselves.")],
    text: Annotated[str, typer.Argument(help="What there is to know: a price change, an outage.")],
    at: Annotated[
        str | None, typer.Option(help="When that was, such as 2026-03-02T17:00:00Z; now, without it.")
    ] = None,
) -> None:
    """Write on the timeline of an account."""
    with connected() as keepwell:
        keepwell.post("scoring", f"/v1/accounts/{segment(account)}/notes", {"text": text, "at": at})
    show.say(f"It stands on the timeline of {account}.")
