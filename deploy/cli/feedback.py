"""`keepwell answers` and `keepwell feedback`: what customers wrote, and the figures over it."""

from collections.abc import Mapping
from typing import Any, Final

from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell
from deploy.cli.listing import Column, Item, Listing, option
from deploy.cli.lists import ACCOUNT, NAME, OF_ACCOUNTS, field, since
from shared.words import counted, listed, number

_GROUPS: Final = {"promoter": "green", "satisfied": "green", "easy": "green"}
_WORST: Final = {"detractor": "bold red", "dissatisfied": "bold red", "hard": "bold red"}


def _scored(answer: Item) -> Text:
    group, before = answer["group"], answer["previous_score"]
    was = "" if before is None else f"{before} → "
    return show.text(f"{answer['kind'].upper()} {was}{answer['score']}", {**_GROUPS, **_WORST}.get(group, ""))


def _who(answer: Item) -> str:
    name = "somebody erased" if answer["erased"] else answer["contact_name"] or answer["contact_id"]
    return f"{name} ({answer['role'].replace('_', ' ')})" if answer["role"] else str(name)


ANSWERS: Final = Listing(
    help="List what customers answered, with their comments, newest first.",
    at=("scoring", "/v1/answers"),
    filters={
        **ACCOUNT,
        "kind": option("nps, csat or ces; or relational or transactional."),
        "group": option("promoter, passive, detractor; satisfied, dissatisfied; easy, hard."),
        "role": option("A contact's role."),
        "touchpoint": option("Where it was asked."),
        "product": option("A product."),
        **OF_ACCOUNTS,
        "month": option("A month, such as 2026-05."),
        "moved": option("up or down: into another group than before."),
    },
    columns=(
        since("When", "at"),
        NAME,
        Column("Who", _who),
        Column("Said", _scored),
        field("Asked at", "touchpoint"),
        field("Comment", "comment"),
    ),
    limit=50,
    empty="Nobody has answered yet.",
)


def _value(one: Item) -> str:
    return "–" if one["value"] is None else number(one["value"], 1)


def _span(one: Item) -> str:
    return "too few to say" if one["value"] is None else f"{number(one['low'], 1)} … {number(one['high'], 1)}"


def _response(one: Item) -> str:
    rate = one["response_rate"]
    return "–" if rate is None else f"{number(rate, 0)} % of {one['invited']}"


def _beside(keepwell: Keepwell, given: Mapping[str, Any]) -> None:
    """What it means, and what stands beside it."""
    found = keepwell.get("scoring", "/v1/feedback", **given)
    parts = [f"{name} {number(found[name], 1)}" for name in ("target", "benchmark") if found[name] is not None]
    parts += [f"{counted(one['contacts'], one['before'])} became {one['after']}" for one in found["moved"]]
    out = show.console()
    for line in ("", found["definition"], *([listed(parts)] if parts else [])):
        out.print(show.text(line, "dim"))


FEEDBACK: Final = Listing(
    help="Show NPS, CSAT or CES, by group, each with what it rests on.",
    at=("scoring", "/v1/feedback"),
    is_paged=False,
    filters={
        "measure": option("nps, csat or ces."),
        "kind": option("relational or transactional; NPS is relational, the others are not, unless said."),
        "by": option("segment, plan, stage, owner, role, touchpoint, product, month or quarter."),
        "per": option("answer, account or mrr: what each answer weighs."),
        "since": option("Since when, such as 2026-01-01.", "--from"),
        "until": option("Until when.", "--to"),
    },
    called={"since": "from", "until": "to"},
    given={"measure": "nps"},
    columns=(
        Column("Group", lambda one: one["group"] or "all"),
        Column("Figure", _value, is_number=True),
        Column("95 %", _span),
        Column("Answers", lambda one: str(one["answers"]), is_number=True),
        Column("Of these", lambda one: listed([counted(n, name) for name, n in one["counts"].items()])),
        Column("Answered", _response),
    ),
    empty="Nobody has answered yet.",
    after=_beside,
)
