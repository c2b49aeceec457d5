"""The lists of the command line, each with its columns, filters and moves."""

from collections.abc import Mapping
from typing import Any, Final

from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell
from deploy.cli.listing import Column, Item, Listing, Move, NoteOption, option
from shared.words import counted, listed

SEVERITIES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "", "info": "dim"}
DELIVERED: Final = {"delivered": "green", "failed": "bold red", "cancelled": "dim"}
ACCOUNT: Final = {"account": option("An account's id.")}
OF_ACCOUNTS: Final = {
    "owner": option("The owner's e-mail."),
    "segment": option("A segment."),
    "plan": option("A plan."),
}
SHORT: Final = 12
NOTE: Final = {"note": NoteOption}


def plain(name: str) -> Column:
    """A field as it is, under its own name."""
    return Column(name.capitalize(), lambda one: one[name])


def field(heading: str, name: str) -> Column:
    """A field as it is."""
    return Column(heading, lambda one: one.get(name) or "–")


def since(heading: str, name: str) -> Column:
    """How long ago it was."""
    return Column(heading, lambda one: show.ago(one.get(name), show.now()))


ID: Final = Column("Id", lambda one: show.text(one["id"][:SHORT], "dim"))
"""The beginning of an id: commands take it for the whole where it is the only one."""
NAME: Final = Column("Account", lambda one: one.get("account_name") or one.get("account_id") or "–")
"""An account by its name, or by its id while nobody has said one."""


def _renews(account: Item) -> str:
    return show.renewal(account.get("renews_at"), show.now()).removeprefix("renews ").removeprefix("was to renew ")


def _by_band(keepwell: Keepwell, given: Mapping[str, Any]) -> None:
    """The revenue of everyone who is meant, by band."""
    shares = keepwell.get("scoring", "/v1/accounts", limit=1, **given).get("mrr_by_band", [])
    order = list(show.BANDS)
    parts: list[Text] = []
    for share in sorted(shares, key=lambda each: order.index(each["band"])):
        said = f"{counted(share['accounts'], 'account')} {share['band']}"
        if share.get("currency"):
            said += f", {show.monthly(share['mrr_minor'], share['currency'])}"
        parts.append(show.band(share["band"], said))
    show.console().print(Text("\n") + Text(" · ").join(parts))


ACCOUNTS: Final = Listing(
    help="List accounts, the worst first, with the main reason and the revenue by band.",
    at=("scoring", "/v1/accounts"),
    filters={
        "band": option("red, amber, green or unknown."),
        "owner": option("The owner's e-mail."),
        "plan": option("A plan."),
        "segment": option("A segment."),
        "stage": option("onboarding, adopting, mature or renewal."),
        "q": option("A part of the name or id.", "--find"),
        "sort": option("score, mrr or renews_at; - in front turns it round."),
    },
    given={"sort": "score"},
    columns=(
        Column("Account", lambda one: one.get("name") or one["id"]),
        Column("Plan", lambda one: (one.get("plan") or "–").capitalize()),
        Column("Monthly", lambda one: show.money(one.get("mrr_minor"), one.get("currency")), is_number=True),
        Column("Renews", _renews),
        Column("Score", lambda one: show.moved(one.get("previous_score"), one["score"]), is_number=True),
        Column("Band", lambda one: show.band(one["band"])),
        Column("Why", lambda one: one.get("reason") or ""),
    ),
    empty="No account yet: send some events with `keepwell send FILE`.",
    after=_by_band,
)


def _pause(playbook: Item) -> str:
    """Until when it is, and why; or that it is off; empty where it is neither."""
    if playbook.get("mode") == "off":
        return "switched off"
    if not (paused := playbook.get("paused")):
        return ""
    return f"{paused['reason']}, until {show.clock(paused['until'])}" if paused["until"] else str(paused["reason"])


PLAYBOOKS: Final = Listing(
    help="List the playbooks in force, with what they achieved and what merely looks wrong in them.",
    at=("playbooks", "/v1/playbooks"),
    columns=(
        Column("Playbook", lambda one: one["id"]),
        field("What", "title"),
        Column("Fired", lambda one: str(one["achieved"].get("fired", 0)), is_number=True),
        Column("Active", lambda one: str(one["achieved"].get("active", 0)), is_number=True),
        Column("Paused", lambda one: show.text(_pause(one), "yellow")),
        Column("Looks wrong", lambda one: show.text(" ".join(one["warnings"]), "yellow")),
    ),
    empty="No playbook is in force.",
)


def _of(playbook: str) -> str:
    return f"of {playbook.partition('@')[0]}" if playbook else "by hand"


def _took(one: Item) -> str:
    """The way, and what was special on it."""
    seconds, attempts = one.get("seconds"), one["attempts"]
    parts = (
        one["channel"],
        f"{seconds:.2f} s after the event" if seconds is not None else "",
        counted(attempts, "attempt") if attempts > 1 else "",
        "may have come twice" if one["uncertain"] else "",
        one["reason"],
    )
    return ", ".join(filter(None, parts))


DELIVERIES: Final = Listing(
    help="List deliveries, newest first.",
    at=("notifier", "/v1/deliveries"),
    filters={
        **ACCOUNT,
        "recipient": option("Whom it is for: an id of the directory."),
        "state": option("waiting, sending, delivered, failed or cancelled."),
        "channel": option("slack, teams, chat, email, inbox or contact (customers), or one target: slack:#renewals."),
        "item": option("The id of the alert, task or flag that it tells of."),
        "contact": option("A customer's person that it is about, or goes to, by id."),
        "since": option("Asked for then or later, such as 2026-03-04 or 2026-03-04T14:00."),
        "until": option("Asked for before then."),
    },
    columns=(
        ID,
        since("When", "created_at"),
        Column("State", lambda one: show.text(one["state"], DELIVERED.get(one["state"], "yellow"))),
        plain("account"),
        Column("What", lambda one: f"{one['kind']} {_of(one['playbook'])}"),
        Column("How it went", _took),
    ),
    limit=50,
    empty="Nothing was sent yet.",
    moves=(Move("retry", "Try a failed delivery again.", "tried again"),),
)


def key_state(one: Item) -> str:
    """Whether a key works, and what it may not."""
    if one.get("revoked_at"):
        return "revoked"
    says = ["test" if one.get("test") else "in use"]
    if one.get("types"):
        says.append(f"only {listed(one['types'])}")
    if (rate := one.get("events_per_second")) is not None:
        says.append(f"{counted(rate, 'event')}/s" if rate else "no limit")
    if (until := show.instant(one.get("old_until"))) is not None and until > show.now():
        says.append(f"the one before until {show.clock(one['old_until'])}")
    return ", ".join(says)


KEYS: Final = Listing(
    help="List the keys, without their secrets; make, rotate, change and revoke them.",
    at=("ingest", "/v1/keys"),
    is_paged=False,
    columns=(
        plain("name"),
        Column("Scopes", lambda one: listed(one["scopes"])),
        Column("Source", lambda one: one.get("source") or one["name"]),
        field("CSM", "csm"),
        since("Made", "created_at"),
        Column("State", key_state),
    ),
    empty="No key.",
    moves=(Move("revoke", "Revoke a name's keys, within 5 seconds everywhere.", "revoked", deletes=True),),
)

READERS: Final = Listing(
    help="See who reads the log, and forget a service that is gone for good.",
    at=("ingest", "/v1/readers"),
    is_paged=False,
    columns=(plain("service"), since("Oldest unread", "oldest_unread")),
    empty="Nobody reads.",
    moves=(
        Move(
            "forget",
            "Keep nothing for a service any more: what only it has not read is lost to it once 14 days old.",
            "forgotten. Nothing is kept for it any more",
            deletes=True,
        ),
    ),
)
