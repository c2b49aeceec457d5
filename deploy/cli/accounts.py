"""`keepwell accounts`: who they are, how they do, and the main reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import connected
from shared.words import counted

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]

HEADINGS = ("Account", "Plan", "Monthly", "Renews", "Score", "Band", "Why")
NUMBERS = ("Score", "Monthly")


def accounts(
    band: Annotated[str | None, typer.Option(help="red, amber, green or unknown.")] = None,
    owner: Annotated[str | None, typer.Option(help="The owner's e-mail.")] = None,
    plan: Annotated[str | None, typer.Option(help="A plan.")] = None,
    segment: Annotated[str | None, typer.Option(help="A segment.")] = None,
    stage: Annotated[str | None, typer.Option(help="onboarding, adopting, mature or renewal.")] = None,
    find: Annotated[str | None, typer.Option("--find", help="A part of the name or id.")] = None,
    sort: Annotated[str, typer.Option(help="score, mrr or renews_at; - in front turns it round.")] = "score",
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List accounts, the worst first, with the main reason and the revenue by band."""
    chosen = {"band": band, "owner": owner, "plan": plan, "segment": segment, "stage": stage, "q": find, "sort": sort}
    with connected() as keepwell:
        listed = list(keepwell.items("scoring", "/v1/accounts", limit, **chosen))
        if json:
            show.as_json(listed)
            return
        now = show.now()
        show.table(
            (line(account, now) for account in listed),
            *HEADINGS,
            right=NUMBERS,
            empty="No account yet: send some events with `keepwell send FILE`.",
        )
        if listed:
            page = keepwell.get("scoring", "/v1/accounts", limit=1, **chosen)
            _by_band(page.get("mrr_by_band", []))


def line(account: Mapping[str, Any], now: datetime) -> tuple[str | Text, ...]:
    """One account as a row under `HEADINGS`."""
    score = show.score(account["score"])
    if account.get("previous_score") is not None and show.score(account["previous_score"]) != score:
        score = f"{show.score(account['previous_score'])} → {score}"
    return (
        account.get("name") or account["id"],
        (account.get("plan") or "–").capitalize(),
        show.money(account.get("mrr_minor"), account.get("currency")),
        show.renewal(account.get("renews_at"), now).removeprefix("renews ").removeprefix("was to renew "),
        score,
        show.band(account["band"]),
        account.get("reason") or "",
    )


def _by_band(shares: list[dict[str, Any]]) -> None:
    order = list(show.BANDS)
    parts: list[Text] = []
    for share in sorted(shares, key=lambda each: order.index(each["band"])):
        words = f"{counted(share['accounts'], 'account')} {share['band']}"
        if share.get("currency"):
            words += f", {show.monthly(share['mrr_minor'], share['currency'])}"
        parts.append(show.band(share["band"], words))
    show.console().print(Text("\n") + Text(" · ").join(parts))
