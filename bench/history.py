"""A year of 445 accounts as history: `keepwell send --history FILE` against all services, to the last assessment.

As many events fall on a day as where 5.7 million fill the year; fewer events are fewer days of it, in four runs of
days that follow each other, one in each quarter. So what a day costs by itself (a filter of its claims, rows of its
usage) is in the figure as often as there, and a figure for 5.7 million is said by the events alone.
"""

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from bench.flames import lit
from bench.house import OURS
from bench.machine import cpu
from bench.report import Row
from tests.support.stack import KEY, Stack

ACCOUNTS: Final = 445
WHOLE: Final = 5_700_000
"""Of which it was asked that they take less than so many seconds."""
_ASKED: Final = 120
_DAYS: Final = 365
_QUARTERS: Final = 4
_FEATURES: Final = 12
_USERS: Final = 40
_NO_USES: Final = 0.02
"""The share of events that are none."""
_KEEPWELL: Final = "from deploy.cli.main import app; app()"
_PATIENCE: Final = 3_600
_POSTGRES: Final = "PostgreSQL"
_SENDER: Final = "the sender"


def measure(stack: Stack, kind: str, postgres: int, events: int, flames: Path | None = None) -> list[Row]:
    """Send so many events, and wait until nothing is left to do; `postgres` is the server's process."""
    file = stack.home / "history.jsonl.gz"
    with gzip.open(file, "wb", compresslevel=1) as written:
        written.writelines(lines(events, datetime.now(UTC)))
    stack.post([{"id": "w", "type": "usage.recorded", "account": "warm", "data": {"feature": "warm"}}])
    stack.settle()
    with ExitStack() as watched:
        if flames is not None:
            for name, pid in zip(stack.names(), stack.pids(), strict=True):
                watched.enter_context(lit(pid, flames, f"history_{kind}_{name}"))
        before, sender, began = _used(stack, postgres), os.times(), time.perf_counter()
        _send(stack, file, events)
        after, sent = os.times(), time.perf_counter() - began
        stack.settle(_PATIENCE)
        clock = time.perf_counter() - began
    used = {name: now - before[name] for name, now in _used(stack, postgres).items()}
    used[_SENDER] = after.children_user + after.children_system - sender.children_user - sender.children_system
    return rows_of(kind, events, sent, clock, used)


def _send(stack: Stack, file: Path, events: int) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
    env |= {"KEEPWELL_HOME": str(stack.home), "KEEPWELL_PORT": str(stack.port), "KEEPWELL_API_KEY": KEY}
    command = [sys.executable, "-c", _KEEPWELL, "send", "--history", str(file)]
    said = subprocess.run(command, cwd=OURS, env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert said.stdout.startswith(f"{events:,} events accepted".encode()), said.stdout


def _used(stack: Stack, postgres: int) -> dict[str, float]:
    """Seconds of processor until now, by who used them."""
    of_services = {name: cpu([pid]) for name, pid in zip(stack.names(), stack.pids(), strict=True)}
    return {**of_services, _POSTGRES: cpu([postgres])}


def lines(events: int, now: datetime) -> Iterator[bytes]:
    """The file's lines, in the order of time."""
    random, a_day = Random(1), WHOLE / _DAYS
    quarter = events / _QUARTERS
    for n in range(events):
        into, at = divmod(n, quarter)
        time = now - timedelta(days=_DAYS * (1 - into / _QUARTERS) - at / a_day)
        event = {
            "id": f"h{n}",
            "account": f"account-{random.randrange(ACCOUNTS):03}",
            "time": time,
            **(_other(random, n, time) if random.random() < _NO_USES else _use(random)),
        }
        yield msgspec.json.encode(event) + b"\n"


def _use(random: Random) -> dict[str, Any]:
    data = {"feature": f"feature-{random.randrange(_FEATURES)}", "user_id": f"u{random.randrange(_USERS)}"}
    return {"type": "usage.recorded", "data": data}


def _other(random: Random, n: int, time: datetime) -> dict[str, Any]:
    """A ticket, an invoice or an answer."""
    match random.randrange(3):
        case 0:
            ticket = {"ticket_id": f"t{n}", "priority": "high", "opened_at": time - timedelta(hours=5)}
            return {"type": "ticket.closed", "data": ticket | {"closed_at": time}}
        case 1:
            invoice = {"invoice_id": f"i{n}", "amount_minor": 12_000, "currency": "EUR", "due_at": time}
            return {"type": "invoice.paid", "data": invoice | {"paid_at": time}}
        case _:
            answer = {"contact_id": f"c{random.randrange(_USERS)}", "score": random.randrange(11)}
            return {"type": "feedback.nps", "data": answer}


def rows_of(kind: str, events: int, sent: float, clock: float, used: Mapping[str, float]) -> list[Row]:
    """How long it took, and what each event took of whom."""
    each = ", ".join(f"{name} {1e6 * seconds / events:.1f}" for name, seconds in used.items())
    all = 1e6 * sum(used.values()) / events
    where = f"{kind}: history, {events:,} events of {ACCOUNTS} accounts"
    return [
        Row(where, "taken in", f"{sent:.0f} s, {events / sent:,.0f}/s"),
        Row(where, "to the last assessment", f"{clock:.0f} s, {events / clock:,.0f}/s"),
        Row(
            where,
            f"... of {WHOLE / 1e6:.1f} million, were each as these",
            f"{WHOLE * clock / events:,.0f} s",
            f"< {_ASKED} s",
        ),
        Row(where, "CPU of an event", f"{all:.1f} µs", "", each),
    ]
