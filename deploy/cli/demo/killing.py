"""Kills scoring midway, and proves from the APIs that nothing was lost and nothing counted twice."""

import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from deploy.cli import show
from deploy.cli.client import Keepwell, Unreachable
from deploy.cli.demo.playing import NotHeard, at_rest, send_all, until
from deploy.demo.proof import Count, Ledger, offline_usage
from deploy.local.record import read

SENT_BEFORE: Final = 750
"""Events of the batch that are sent before the kill."""
COMES_BACK_WITHIN: Final = 60.0


def kill_midway(out: Console, keepwell: Keepwell, home: Path, happened: Sequence[dict[str, Any]], run: str) -> None:
    """Send a batch, kill scoring while it counts, send the batch once more, and compare."""
    out.print()
    batch = offline_usage(happened, random.Random(run), show.now(), run)  # noqa: S311 - a sample, not a secret
    send_all(keepwell, batch[:SENT_BEFORE])
    killed = _kill_scoring(home)
    send_all(keepwell, batch[SENT_BEFORE:])
    ledger = Ledger([*happened, *batch])
    until(lambda: _rests(keepwell), "Scoring did not come back", patience=COMES_BACK_WITHIN)
    at = show.now().isoformat()
    before = _fingerprint(keepwell, at)
    send_all(keepwell, batch)
    until(lambda: _rests(keepwell), "The services did not come to rest", patience=COMES_BACK_WITHIN)
    after = _fingerprint(keepwell, at)
    count = _compare(keepwell, ledger, {event["account"] for event in batch})
    good = count == Count(0, 0) and before == after
    words = f"Scoring was killed midway: {count.lost:,} lost, {count.twice:,} counted twice."
    out.print(Text(words, style="bold green" if good else "bold red"))
    detail = f"pid {killed}, kill -9, within {len(batch):,} late usage events; then all of them were sent again: "
    same = "the same fingerprint" if before == after else "ANOTHER fingerprint"
    show.hang(out, Text("  "), Text(f"{detail}{same}, {after[:16]}…", style="dim"))
    if not good:
        raise NotHeard("The proof failed; please report it with the stack's logs")


def _fingerprint(keepwell: Keepwell, at: str) -> str:
    return str(keepwell.get("scoring", "/v1/fingerprint", at=at)["fingerprint"])


def _kill_scoring(home: Path) -> int:
    record = read(home)
    pid = record.children["scoring"].pid if record is not None else None
    if pid is None:
        raise NotHeard("Scoring is not on record in this stack")
    os.kill(pid, signal.SIGKILL)
    return pid


def _rests(keepwell: Keepwell) -> bool:
    try:
        return at_rest(keepwell)
    except Unreachable:
        return False


def _compare(keepwell: Keepwell, ledger: Ledger, accounts: set[str]) -> Count:
    facts = {name: keepwell.get("scoring", f"/v1/accounts/{name}")["facts"] for name in sorted(accounts)}
    return ledger.compare({name: known["usage.uses"] for name, known in facts.items()})
