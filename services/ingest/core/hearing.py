"""What somebody fills in about when they hear, and the preferences that it comes to."""

from collections.abc import Mapping
from datetime import time
from itertools import pairwise
from typing import Final, cast

from services.ingest.core.answering import Faults
from shared.messages.actions import SEVERITIES, Severity
from shared.messages.preferences import DIGEST, Preferences, Quiet

NEVER: Final = "never"
DAILY: Final[Mapping[str, str]] = {"daily": "On days on which you work", NEVER: "Never"}
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKLY: Final[Mapping[str, str]] = {**{str(day): f"On {name}" for day, name in enumerate(WEEKDAYS)}, NEVER: "Never"}
QUIET: Final[Mapping[str, str]] = {NEVER: "None", "daily": "Every day"}
UNLESS: Final[Mapping[str, str]] = {
    **{severity: f"{severity} and worse" for severity in SEVERITIES[:-1]},
    SEVERITIES[-1]: SEVERITIES[-1],
}
"""By the mildest that passes."""
ALL_AT_ONCE: Final = "all"
WAITS: Final[Mapping[str, str]] = {
    ALL_AT_ONCE: "All of them",
    **{waits: UNLESS[worse] for waits, worse in pairwise(SEVERITIES)},
    SEVERITIES[-1]: "None: all wait for the digest",
}
"""By the worst that waits: what comes by itself."""
ANY: Final = "any"
CHANNELS: Final[Mapping[str, str]] = {
    ANY: "As for everybody",
    "slack:@owner": "Slack",
    "email": "E-mail",
    "inbox": "Inbox",
}
_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "daily": DAILY,
    "weekly": WEEKLY,
    "quiet": QUIET,
    "unless": UNLESS,
    "waits": WAITS,
    "channel": CHANNELS,
}
FIRST: Final = "daily"
"""The field at which a fault of no field in particular is told."""


def shown(said: Preferences) -> Mapping[str, str]:
    """What a form begins with: each field's value."""
    quiet = said.quiet or Quiet(start=time(20), end=time(7, 30))
    weekly = said.weekly or (0, DIGEST)
    return {
        "daily": "daily" if said.daily is not None else NEVER,
        "daily_at": _clock(said.digest),
        "weekly": str(weekly[0]) if said.weekly is not None else NEVER,
        "weekly_at": _clock(weekly[1]),
        "quiet": "daily" if said.quiet is not None else NEVER,
        "quiet_from": _clock(quiet.start),
        "quiet_to": _clock(quiet.end),
        "unless": quiet.unless,
        "waits": said.waits or ALL_AT_ONCE,
        "channel": said.channel if said.channel is not None and said.channel in CHANNELS else ANY,
    }


def preferences(given: Mapping[str, str]) -> Preferences:
    """What a form says. Raises `Faults`."""
    chosen = {name: given.get(name, "") for name in _CHOICES}
    if wrong := {name: "Choose one." for name, value in chosen.items() if value not in _CHOICES[name]}:
        raise Faults(**wrong)
    wrong, times = {}, dict[str, time]()
    for name, of in (("daily_at", "daily"), ("weekly_at", "weekly"), ("quiet_from", "quiet"), ("quiet_to", "quiet")):
        if chosen[of] != NEVER:
            if (at := _read_clock(given.get(name, ""))) is None:
                wrong[name] = "Choose a time of day."
            else:
                times[name] = at
    if wrong:
        raise Faults(**wrong)
    said = Preferences(
        daily=times.get("daily_at"),
        weekly=(int(chosen["weekly"]), times["weekly_at"]) if "weekly_at" in times else None,
        quiet=_quiet(times["quiet_from"], times["quiet_to"], chosen["unless"]) if "quiet_from" in times else None,
        channel=chosen["channel"] if chosen["channel"] != ANY else None,
        waits=cast(Severity, chosen["waits"]) if chosen["waits"] != ALL_AT_ONCE else None,
    )
    if clashes := said.in_quiet_hours:
        raise Faults(**_clash(said, clashes))
    return said


def _quiet(start: time, end: time, unless: str) -> Quiet:
    if start == end:
        raise Faults(quiet_to="It ends when it begins: nothing could ever come. Choose another time.")
    return Quiet(start=start, end=end, unless=cast(Severity, unless))


def _clash(said: Preferences, clashes: Mapping[str, time]) -> Mapping[str, str]:
    """What would come in the quiet hours, at the field that can be changed."""
    if "daily" in clashes and said.daily is None:
        words = f"What waits comes at {_clock(said.digest)}, which lies in these hours."
        return {"quiet_from": words} | {f"{name}_at": _IN_QUIET for name in clashes if name != "daily"}
    return {f"{name}_at": _IN_QUIET for name in clashes}


_IN_QUIET: Final = "This lies in your quiet hours. Move one of them."


def _clock(at: time) -> str:
    return f"{at:%H:%M}"


def _read_clock(text: str) -> time | None:
    try:
        return time.fromisoformat(text) if len(text) == len("08:30") else None
    except ValueError:
        return None
