"""`keepwell accounts`: the accounts, and those that are left in peace for a while."""

from typing import Annotated

import typer

from deploy.cli import show
from deploy.cli.client import connected, segment
from deploy.cli.listing import JsonOption, instant
from deploy.cli.lists import ACCOUNTS

app = ACCOUNTS.app()
_Account = Annotated[str, typer.Argument(help="An account's id.")]


@app.command()
def mute(
    account: _Account,
    until: Annotated[str, typer.Option(help="Until when, such as 2026-03-09; at most 90 days from now.")],
    reason: Annotated[str, typer.Option(help="Why: whoever misses a message will want to know.")],
) -> None:
    """Leave an account in peace: no playbook fires or tells anything about it until then. Open tasks stay."""
    body = {"until": instant(until) or until, "reason": reason}
    with connected() as keepwell:
        muted = keepwell.call("PUT", "playbooks", f"/v1/accounts/{segment(account)}/mute", json=body)
    show.say(f"{account} is muted until {show.clock(muted['until'])}. What holds then will be found so.")


@app.command()
def unmute(account: _Account) -> None:
    """End that at once: what holds is found so, and waits for you in `keepwell found`."""
    with connected() as keepwell:
        keepwell.call("DELETE", "playbooks", f"/v1/accounts/{segment(account)}/mute")
    show.say(f"{account} is no longer muted. See `keepwell found` for what holds there.")


@app.command()
def muted(json: JsonOption = False) -> None:
    """List the accounts that are muted, whose mute ends first in front."""
    with connected() as keepwell:
        items = list(keepwell.items("playbooks", "/v1/mutes"))
    if json:
        show.as_json(items)
        return
    rows = [(one["account"], show.clock(one["until"]), one["author"], show.text(one["reason"])) for one in items]
    show.table(rows, "Account", "Until", "By", "Why", empty="No account is muted.")
