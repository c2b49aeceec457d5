"""`keepwell send FILE`: events from a file, in batches, again until they are taken."""

import gzip
import io
import math
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli import show
from deploy.cli.client import REFUSED, Keepwell, Refused, Unreachable, connected
from shared.words import clean, counted, listed

MOST_EVENTS: Final = 1_000
MOST_BYTES: Final = 4_000_000
PATIENCE: Final = 120.0
SHOWN: Final = 20
GZIP: Final = b"\x1f\x8b"
PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the file, ready to be sent."""

    number: int
    body: bytes
    cloudevent: bool


@dataclass(frozen=True, slots=True)
class Complaint:
    """One event that was not taken, and why."""

    line: int
    id: str
    message: str
    code: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of a file."""

    accepted: int = 0
    refused: list[Complaint] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    """How many events wait for each alias that nobody has set."""
    adjusted: list[Complaint] = field(default_factory=list)
    """What was taken with another time than it was sent with."""
    token: str | None = None
    """Of the last batch: scoring's reads take it, and wait until those events are counted."""


def send(
    file: Annotated[str, typer.Argument(help="JSON lines, plain or gzip; - reads standard input.")],
    history: Annotated[bool, typer.Option("--history", help="The past: it moves state and fires nothing.")] = False,
    act_on_found: Annotated[bool, typer.Option("--act-on-found", help="Start what is found so at the end.")] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to go on trying while nothing is taken.")] = PATIENCE,
) -> None:
    """Send events: CloudEvents or {id, type, account, time?, source?, data}, one a line."""
    if act_on_found and not history:
        raise typer.BadParameter("--act-on-found belongs to --history.")
    if math.isnan(patience):
        raise typer.BadParameter("--patience is a number of seconds.")
    with _opened(file) as (stream, total, place), connected() as keepwell, _bar(total) as tick:
        import_id = open_import(keepwell, clean(Path(file).name)) if history else None
        try:
            lines = read(stream, import_id)
            outcome = deliver(keepwell, lines, patience, lambda done: tick(done, place()))
        except (Refused, Unreachable, KeyboardInterrupt):
            if import_id:
                show.complain(f"The import {import_id} stays open for an hour; sending again is safe.")
            raise
        if import_id:
            end_import(keepwell, import_id, act_on_found=act_on_found)
    _report(outcome)


def open_import(keepwell: Keepwell, name: str) -> str:
    """Open an import; its id goes into every event of it."""
    return str(keepwell.post("ingest", "/v1/imports", {"name": name})["import_id"])


def end_import(keepwell: Keepwell, import_id: str, *, act_on_found: bool = False) -> None:
    """End an import: what holds then is found so."""
    keepwell.post("ingest", f"/v1/imports/{import_id}/end", {"act_on_found": act_on_found})


def read(stream: Iterable[bytes], import_id: str | None = None) -> Iterator[Line | Complaint]:
    """The events of a file, or what is wrong with a line; empty lines are passed over."""
    for number, raw in enumerate(_lines(stream), start=1):
        if raw is None:
            yield Complaint(number, "", "The packed file is damaged from here on. What came before was sent.")
            return
        text = raw.strip()
        if not text:
            continue
        try:
            event = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Complaint(number, "", f"This line is no JSON object: {error}")
            continue
        if import_id is not None:
            event["history"] = msgspec.Raw(msgspec.json.encode(import_id))
            text = msgspec.json.encode(event)
        if len(text) >= MOST_BYTES:
            yield Complaint(number, "", "This event is larger than a whole batch may be.")
            continue
        yield Line(number, text, "specversion" in event)


def _lines(stream: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a file; None, and then no more, where it can't be unpacked any further."""
    try:
        yield from stream
    except (EOFError, gzip.BadGzipFile, zlib.error):
        yield None


def deliver(
    keepwell: Keepwell,
    lines: Iterator[Line | Complaint],
    patience: float = PATIENCE,
    done: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Send everything, batch by batch. Raises `Refused` or `Unreachable` when nothing more can be sent."""
    outcome = Outcome()
    for batch in _batches(lines, outcome.refused):
        answer = _post(keepwell, batch, patience, first=not outcome.accepted)
        outcome.accepted += answer["accepted"]
        outcome.token = answer.get("token")
        outcome.waiting.update(one["alias"] for one in answer.get("waiting", ()))
        for one in answer.get("adjusted", ()):
            outcome.adjusted.append(Complaint(batch[one["index"]].number, one["id"], one["message"]))
        for item in answer["refused"]:
            number = batch[item["index"]].number
            outcome.refused.append(Complaint(number, str(item.get("id") or ""), item["message"], item["code"]))
        done(len(batch))
    return outcome


def _batches(lines: Iterator[Line | Complaint], complaints: list[Complaint]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 2
    for line in lines:
        if isinstance(line, Complaint):
            complaints.append(line)
            continue
        full = len(batch) == MOST_EVENTS or size + len(line.body) + 1 > MOST_BYTES
        if batch and (full or line.cloudevent != batch[0].cloudevent):
            yield batch
            batch, size = [], 2
        batch.append(line)
        size += len(line.body) + 1
    if batch:
        yield batch


def _post(keepwell: Keepwell, batch: list[Line], patience: float, *, first: bool) -> dict[str, Any]:
    """Send a batch until it is answered. The same ids go again, so nothing is counted twice.

    Who has not been reached yet is not waited for: most likely nothing is there.
    """
    kind = "application/cloudevents-batch+json" if batch[0].cloudevent else "application/json"
    content = b"[" + b",".join(line.body for line in batch) + b"]"
    give_up = time.monotonic() + patience
    while True:
        try:
            answer = keepwell.call("POST", "ingest", "/v1/events", content=content, headers={"Content-Type": kind})
        except Refused as error:
            if error.status == 400 and isinstance(error.body, dict) and "refused" in error.body:
                return {"accepted": 0, "refused": error.body["refused"]}
            if error.status not in {429, 503}:
                raise
            pause = error.retry_after if error.retry_after is not None else PAUSE
            if time.monotonic() + pause > give_up:
                raise
        except Unreachable:
            pause = PAUSE
            if time.monotonic() + pause > give_up or first:
                raise
        else:
            taken: dict[str, Any] = answer
            return taken
        time.sleep(pause)


@contextmanager
def _opened(file: str) -> Iterator[tuple[Iterable[bytes], int | None, Callable[[], int]]]:
    """The file's bytes, unpacked; how large it is; and how far it was read. Of a pipe, neither is known."""
    with ExitStack() as stack:
        try:
            # Standard input may have been closed: then it is None.
            raw = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            stream = _unpacked(raw)
        except (OSError, AttributeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is closed"
            raise typer.BadParameter(clean(f"{file} can't be read: {reason}.")) from error
        if file != "-" and raw.seekable():
            yield stream, Path(file).stat().st_size, raw.tell
        else:
            yield stream, None, lambda: 0


def _unpacked(raw: BinaryIO) -> Iterable[bytes]:
    buffered = io.BufferedReader(raw)  # type: ignore[type-var]
    return gzip.GzipFile(fileobj=buffered) if buffered.peek(2)[:2] == GZIP else buffered


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[sent]:,} events"))
    with Progress(*columns, TimeElapsedColumn(), console=show.errors(), transient=True) as progress:
        task = progress.add_task("Sending", total=total, sent=0)
        sent = 0

        def tick(count: int, place: int) -> None:
            nonlocal sent
            sent += count
            progress.update(task, completed=place, sent=sent)

        yield tick


def _report(outcome: Outcome) -> None:
    show.say(f"{counted(outcome.accepted, 'event')} accepted, {len(outcome.refused):,} refused.")
    if outcome.waiting:
        aliases = listed([*outcome.waiting][:SHOWN])
        number = counted(outcome.waiting.total(), "event waits", "events wait")
        show.say(f"Of these {number} until somebody sets the alias: {aliases}. `keepwell status` shows what waits.")
    for each in outcome.adjusted[:SHOWN]:
        show.say(f"  line {each.line} ({each.id}): {each.message}")
    if len(outcome.adjusted) > SHOWN:
        show.say(f"  and {len(outcome.adjusted) - SHOWN:,} more times were taken otherwise")
    if not outcome.refused:
        return
    for each in sorted(outcome.refused, key=lambda complaint: complaint.line)[:SHOWN]:
        show.complain(f"line {each.line}{f' ({each.id})' if each.id else ''}: {each.message}", label="  ")
    if len(outcome.refused) > SHOWN:
        show.complain(f"and {len(outcome.refused) - SHOWN:,} more", label="  ")
    if any(each.code == "too_old" for each in outcome.refused):
        show.complain("`keepwell send --history` takes the past; it moves scores and wakes nobody up.")
    raise typer.Exit(REFUSED)
