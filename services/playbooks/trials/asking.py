"""What may be asked of a trial: the playbook in force or a draft of it, one account, and which days."""

from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.days import oldest
from services.playbooks.trials import WITHIN_DAYS

_DAY: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=365)
_MOST_WITHIN: Final = 365


class Asked(msgspec.Struct, rename={"since": "from", "until": "to"}, forbid_unknown_fields=True):
    """What a body can say instead of being the draft itself."""

    draft: str | None = None
    account: str | None = None
    since: date | None = None
    until: date | None = None
    within_days: int | None = None


_NAMES: Final = {field.encode_name for field in msgspec.structs.fields(Asked)}


def asked_in(body: bytes) -> Asked:
    """A body is nothing, a draft as YAML or JSON, or JSON that names what is asked for.

    Raises `msgspec.ValidationError` where that can't be read.
    """
    if not body.strip():
        return Asked()
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if isinstance(found, dict) and found.keys() <= _NAMES:
        return msgspec.convert(found, Asked)
    return Asked(draft=body.decode("utf-8", errors="replace"))


class Span(NamedTuple):
    """The days of a backtest, and within how many after a firing an account has to leave."""

    since: date
    until: date
    within_days: int

    @property
    def options(self) -> dict[str, Any]:
        """As a job keeps them."""
        return {"from": self.since.isoformat(), "to": self.until.isoformat(), "within_days": self.within_days}

    @classmethod
    def of(cls, options: Any) -> "Span":
        """As a job kept them."""
        since, until = date.fromisoformat(options["from"]), date.fromisoformat(options["to"])
        return cls(since, until, int(options["within_days"]))


def span_of(asked: Asked, now: datetime) -> Span:
    """The days that are meant: the year to yesterday, unless said. Raises `ValueError` with what is wrong."""
    first, last = oldest(now), now.date() - _DAY
    until = asked.until or last
    since = asked.since or max(first, max(first, until) - _LONGEST + _DAY)
    within = WITHIN_DAYS if asked.within_days is None else asked.within_days
    if until > last:
        raise ValueError(f"`to` is {until}: the last day that is over is {last}.")
    if since < first:
        raise ValueError(f"`from` is {since}: days are kept from {first} on, which is 400 days.")
    if since > until:
        raise ValueError(f"`from` is {since}, after `to`, which is {until}.")
    if not 1 <= within <= _MOST_WITHIN:
        raise ValueError(f"`within_days` is {within}; it is a number of days from 1 to {_MOST_WITHIN}.")
    return Span(since, until, within)


def why_no_backtest(playbook: Playbook) -> str | None:
    """Why a playbook can't be tried on recorded days, if so."""
    if playbook.on_event is None:
        return None
    waits = f"waits for events ({playbook.on_event})"
    if playbook.on_event == STARTED:
        waits = "begins when another playbook starts it"
    said = f"`{playbook.id}` {waits}, and of days only the facts at their end are kept: it can't be tried on them."
    return f"{said} A dry run tells which accounts it is for."
