"""Kills scoring midway, and proves from the APIs that nothing was lost and nothing counted twice."""

import os
import random
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, Unreachable
from deploy.demo.cast import Account
from deploy.demo.proof import Count, Ledger, offline_usage
from deploy.demo.sending import send_all
from deploy.demo.telling import NotHeard, at_rest, until
from deploy.local.record import read

SLICE: Final = 250
KILLED_AFTER: Final = 3
"""Slices of the batch that are sent before the kill."""
COMES_BACK_WITHIN: Final = 60.0


def kill_midway(out: Console, keepwell: Keepwell, home: Path, cast: list[Account], ledger: Ledger, run: str) -> None:
    """Send a batch, kill scoring while it counts, send the batch once more, and compare."""
    out.print()
    batch = offline_usage(cast, random.Random(run), show.now(), run)  # noqa: S311 - a sample, not a secret
    killed = _send(keepwell, batch, kill=home)
    ledger.add(batch)
    until(lambda: _rests(keepwell), "Scoring did not come back", patience=COMES_BACK_WITHIN)
    at = show.now()
    before = keepwell.get("scoring", "/v1/fingerprint", at=at.isoformat())
    _send(keepwell, batch)
    until(lambda: _rests(keepwell), "The services did not come to rest", patience=COMES_BACK_WITHIN)
    after = keepwell.get("scoring", "/v1/fingerprint", at=at.isoformat())
    count = _compare(keepwell, ledger, {event["account"] for event in batch})
    good = count == Count(0, 0) and before["fingerprint"] == after["fingerprint"]
    words = f"Scoring was killed midway: {count.lost:,} lost, {count.twice:,} counted twice."
    out.print(Text(words, style="bold green" if good else "bold red"))
    detail = f"pid {killed}, kill -9, within {len(batch):,} late usage events; then all of them were sent again: "
    same = "the same fingerprint" if before["fingerprint"] == after["fingerprint"] else "ANOTHER fingerprint"
    show.hang(out, Text("  "), Text(f"{detail}{same}, {after['fingerprint'][:16]}…", style="dim"))
    if not good:
        raise NotHeard("The proof failed; please report it with the stack's logs")


def _send(keepwell: Keepwell, batch: Sequence[dict[str, Any]], kill: Path | None = None) -> int:
    killed = 0
    for number, first in enumerate(range(0, len(batch), SLICE)):
        if kill is not None and number == KILLED_AFTER:
            killed = _kill_scoring(kill)
        send_all(keepwell, batch[first : first + SLICE])
    return killed


def _kill_scoring(home: Path) -> int:
    record = read(home)
    process = record.children["scoring"].process if record is not None else None
    if process is None:
        raise NotHeard("Scoring is not on record in this stack")
    os.kill(process.pid, signal.SIGKILL)
    return process.pid


def _rests(keepwell: Keepwell) -> bool:
    try:
        return at_rest(keepwell)
    except Unreachable:
        return False


def _compare(keepwell: Keepwell, ledger: Ledger, accounts: set[str]) -> Count:
    """Midnight may pass between: the day is the one on which all were read."""
    while True:
        today = _today()
        trends = {account: _trend(keepwell, account) for account in sorted(accounts)}
        if _today() == today:
            return ledger.compare({name: trend for name, trend in trends.items() if trend is not None}, today)


def _today() -> Any:
    return datetime.now(UTC).date()


def _trend(keepwell: Keepwell, account: str) -> float | None:
    facts = keepwell.get("scoring", f"/v1/accounts/{account}")["facts"]
    trend = facts.get("usage.trend")
    return None if trend is None else float(trend)
