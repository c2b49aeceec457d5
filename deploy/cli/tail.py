"""`keepwell tail`: what comes in, as it was sent and understood, what becomes of it, and why not."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, Told, Unreachable, connected
from deploy.cli.listing import JsonOption
from shared.words import clean, counted, signed

_PATH: Final = "/v1/recent"
_AGAIN: Final = 1.0
_STYLES: Final = {"refused": "red", "dropped": "yellow", "waiting": "yellow"}
_LONGEST: Final = 60
_INDENT: Final = " " * 10
Item = dict[str, Any]
Key = Annotated[str | None, typer.Option("--key", help="Of the key with this name alone.")]
Account = Annotated[str | None, typer.Option("--account", help="What is about this account alone.")]
Refused = Annotated[bool, typer.Option("--refused", help="What was refused alone.")]
Test = Annotated[bool, typer.Option("--test", help="Of keys in test mode alone.")]
Last = Annotated[int, typer.Option("--last", min=0, max=1000, help="How many of the last to show first.")]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C.")]


def tail(
    key: Key = None,
    account: Account = None,
    refused: Refused = False,
    test: Test = False,
    last: Last = 10,
    follow: Follow = True,
    json: JsonOption = False,
) -> None:
    """Show what comes in: as it was sent, what it became, what it moved, and why it was not taken."""
    wanted = {
        "key": key,
        "account": account,
        "fate": "refused" if refused else None,
        "test": "true" if test else None,
    }
    tell = _Telling(show.console(), json=json)
    with connected() as keepwell:
        found = list(keepwell.items("ingest", _PATH, last, **wanted, live="false")) if last else []
        for item in reversed(found):
            tell.told(Told("record", item, str(item["id"])))
        try:
            for told in _live(keepwell, str(found[0]["id"]) if found else None, wanted) if follow else ():
                tell.told(told)
        except KeyboardInterrupt:
            return
    if not follow and not found:
        if any(wanted.values()):
            show.complain("Nothing that came in lately fits what was asked for.")
        else:
            show.complain("Nothing came in lately. Send something: `keepwell send FILE`, or point a client here.")


def _live(keepwell: Keepwell, after: str | None, wanted: Item) -> Iterator[Told]:
    """What is told from then on; where the connection ends, on from what was told last."""
    is_lost = False
    while True:
        try:
            for told in keepwell.told("ingest", _PATH, after, **wanted):
                after, is_lost = told.id or after, False
                yield told
        except Unreachable:
            if after is None and not is_lost:
                raise
            if not is_lost:
                show.complain("The connection is lost: trying again.")
            is_lost = True
        time.sleep(_AGAIN)


class _Telling:
    """Writes what is told, a line each, with what there is to say beneath."""

    def __init__(self, out: Console, *, json: bool) -> None:
        self._out, self._json = out, json

    def told(self, told: Told) -> None:
        """Write one thing."""
        if self._json:
            show.as_json({"event": told.event, **told.data}, line=True)
        elif told.event == "record":
            self._record(told.data)
        elif told.event == "assessed":
            self._assessed(told.data)
        elif told.event == "left_out":
            self._beneath(f"… {counted(told.data['records'], 'record')} more came than could be shown", "dim")

    def _record(self, item: Item) -> None:
        if item["skipped"]:
            self._beneath(f"… {item['skipped']:,} more of {item['key'] or item['source']}", "dim")
        fate = item["fate"]
        said = Text.assemble(
            f"{datetime.fromisoformat(item['at']).astimezone():%H:%M:%S}  ",
            f"{clean(item['key'] or item['source']):<12}  ",
            show.text(_sent_and_became(item)),
        )
        if fate != "taken":
            said.append(f"  {fate}", _STYLES[fate])
        if item["test"]:
            said.append("  test: counts nowhere", "dim")
        self._out.print(said, soft_wrap=True)
        if item["reason"]:
            self._beneath(_why(item), _STYLES.get(fate, "dim"))

    def _assessed(self, item: Item) -> None:
        moved = ", ".join(f"{one['name']} {signed(round(one['points']))} ({one['reason']})" for one in item["moved"])
        score = (
            "no score yet" if item["score"] is None else f"{show.moved(item['before'], item['score'])} {item['band']}"
        )
        cause = f"by {item['id']}" if item["id"] else "by uses of this account" if item["cause"] == "usage" else ""
        said = f"{item['account']}: {score}, {moved or 'nothing moved'}{cause and f'; {cause}'}"
        self._beneath(said, show.BANDS.get(item["band"], ""))

    def _beneath(self, words: str, style: str) -> None:
        self._out.print(Text.assemble(_INDENT, show.text(words, style)), soft_wrap=True)


def _sent_and_became(item: Item) -> str:
    """`track Report Opened → usage.recorded reports of acme`; of an event that is ours already what it is."""
    became = _became(item)
    return became if item["kind"] in {one["type"] for one in item["understood"]} else f"{_sent(item)} → {became}"


def _sent(item: Item) -> str:
    """What was sent, in a few words."""
    words = " ".join(filter(None, (item["kind"], item["name"]))) or item["sent"]
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _became(item: Item) -> str:
    """What it was understood as."""
    found = [_event(one) for one in item["understood"]]
    return "; ".join(found) or "nothing"


def _event(one: Item) -> str:
    account = one["account"] or "?"
    of = f"{account} ({one['alias']})" if one["alias"] else account
    feature = f" {one['feature']}" if one["feature"] else ""
    return f"{one['type']}{feature} of {of}" + (f", user {one['user']}" if one["user"] else "")


def _why(item: Item) -> str:
    words = item["reason"]
    if item["fate"] == "waiting":
        return f"waits: {words}"
    if item["fate"] == "refused":
        return f"refused: {words}"
    return str(words)
