"""`keepwell timeline` and `keepwell note`: what happened to customers, and what somebody writes beside it."""

from typing import Annotated, Final

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import Column, Listing, option
from deploy.cli.lists import NAME, OF_ACCOUNTS, since

TIMELINE: Final = Listing(
    help="List what happened to an account ($company is ourselves), or to all, newest first, usage apart.",
    at=("scoring", "/v1/timeline"),
    filters={
        "type": option("A type, such as note.added, or a family of them, such as ticket."),
        "contact": option("Only what is about this contact."),
        "subject": option("Only what is about this ticket, invoice or subscription."),
        **OF_ACCOUNTS,
        "since": option("Since when, such as 2026-01-01.", "--from"),
        "until": option("Until when.", "--to"),
    },
    called={"since": "from", "until": "to"},
    columns=(since("When", "at"), NAME, Column("What", lambda one: one["words"])),
    limit=50,
    empty="Nothing has happened yet.",
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
