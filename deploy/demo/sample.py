"""The sample company's file: events whose times are relative, and the way to real ones.

A time is written as `@w-17T09:13:22`, counted from the Monday of the demo's week, so that weekdays stay true; as
`@d-35T08:00:00`, counted from the demo day, so that ages stay true; or as `@n-7200`, in seconds from the demo's now.
"""

import gzip
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

RELATIVE: Final = re.compile(r"@(?:[wd][+-]\d+T\d\d:\d\d:\d\d|n[+-]\d+)$")
FILE: Final = Path(__file__).with_name("company.jsonl.gz")
SOURCE: Final = "sample-company"


def resolve(text: str, now: datetime) -> datetime:
    """The real time of a relative one."""
    kind, rest = text[1], text[2:]
    if kind == "n":
        return now + timedelta(seconds=int(rest))
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "w":
        midnight -= timedelta(days=midnight.weekday())
    days, _, hms = rest.partition("T")
    hours, minutes, seconds = map(int, hms.split(":"))
    return midnight + timedelta(days=int(days), hours=hours, minutes=minutes, seconds=seconds)


def load(now: datetime, run: str, path: Path = FILE) -> list[dict[str, Any]]:
    """The file's events up to `now`, with real times and with ids that begin with `run`."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return real(map(json.loads, lines), now, run)


def real(events: Iterable[dict[str, Any]], now: datetime, run: str) -> list[dict[str, Any]]:
    """The events up to `now`, ready to be sent, in the order of their times."""
    timed = [(resolve(event["time"], now), event) for event in events]
    timed.sort(key=lambda each: each[0])
    return [
        {
            **event,
            "id": f"{run}-{number}",
            "source": SOURCE,
            "time": time.isoformat(),
            "data": _with_real_times(event["data"], now),
        }
        for number, (time, event) in enumerate(timed)
        if time <= now
    ]


def _with_real_times(value: Any, now: datetime) -> Any:
    if isinstance(value, str):
        return resolve(value, now).isoformat() if RELATIVE.match(value) else value
    if isinstance(value, dict):
        return {name: _with_real_times(each, now) for name, each in value.items()}
    return value
