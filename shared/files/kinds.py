"""Kinds of values that files of all services have in common: each says in one way what can be written."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cache, partial
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, ValidationInfo
from pydantic_core.core_schema import CoreSchema, no_info_plain_validator_function, with_info_plain_validator_function

from shared.conditions import Condition, Refused, contradictions, did_you_mean, idle, parse, strangers
from shared.files.countries import holidays_of, is_country
from shared.files.models import FileModel, Reading, fault

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHOWN: Final = 60
_MOST_DAYS: Final = 366
_PART: Final = r"^[\w-]{1,60}$"


class ReadBy:
    """Annotates what a function reads from a text; its `ValueError` says what is wrong. `schema` is for editors."""

    def __init__(self, reading: Callable[[str], Any], **schema: Any) -> None:
        self._reading, self._schema = reading, schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return no_info_plain_validator_function(lambda value: self._reading(str(value)[:_SHOWN]))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self._schema if "enum" in self._schema else {"type": "string", **self._schema}


@dataclass(frozen=True)
class ConditionIn:
    """Annotates a condition, which is read in the scope of this name; what is wrong with it is noted at its place."""

    scope: str = "condition"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return with_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"condition": self.scope}

    def _read(self, node: Any, info: ValidationInfo) -> Condition | None:
        reading = Reading.of(info)
        scope = reading.scopes[self.scope]
        try:
            condition = parse(node, scope)
        except Refused as error:
            if not hasattr(node, "at"):  # It is neither text nor a list nor a mapping, and pydantic knows where.
                raise fault(error.problems[0].message) from None
            reading.take(error.problems)
            return None
        reading.take(contradictions(condition))
        reading.take(idle(condition), certain=False)
        for problem in strangers(condition, scope.values):
            reading.take([problem], certain=problem.suggestion is not None)
        return condition


def one_of(names: Collection[str], what: str) -> ReadBy:
    """The annotation of a name that has to be among some."""
    return ReadBy(partial(_among, names, what), enum=list(names))


def _among(names: Collection[str], what: str, name: str) -> str:
    if name in names:
        return name
    raise fault(f"`{name}` is no {what}.", did_you_mean(name, names) or f"There are {', '.join(names)}.")


def read_days(text: str) -> Sequence[date]:
    """A day such as 2026-12-25, days such as 2026-12-24..2027-01-01, or the public holidays of a country or a part of
    one: PL, DE-BY. Raises `ValueError` with what is wrong."""
    if is_country(text):
        return holidays_of(text)
    if not text[:1].isdigit():
        raise ValueError(f"`{text}` is no date; write one such as 2026-12-25, or a country such as PL or DE-BY.")
    first, _, last = text.partition("..")
    begins, ends = (read_date(one.strip()) for one in (first, last or first))
    if not 0 <= (ends - begins).days < _MOST_DAYS:
        raise ValueError(f"`{text}` spans no days, or more than {_MOST_DAYS}; write the first day, .. and the last.")
    return [begins + timedelta(days=number) for number in range((ends - begins).days + 1)]


def day_of_week(name: str) -> int | None:
    """A day by its name or the first three letters of it, from Monday, 0."""
    return next((number for number, day in enumerate(DAYS) if name.casefold() in (day, day[:3])), None)


def read_weekday(name: str) -> int:
    """A day of the week, from Monday, 0. Raises `ValueError` with what is wrong."""
    if (found := day_of_week(name)) is not None:
        return found
    hint = did_you_mean(name, (*DAYS, *(day[:3] for day in DAYS)))
    raise fault(f"`{name}` is no day of the week; write monday or mon.", hint)


def read_date(text: str) -> date:
    """A date such as 2026-12-25. Raises `ValueError` with what is wrong."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise ValueError(f"`{text}` is no date; write one such as 2026-12-25.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"There is no such day as `{text}`.") from None


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, _zones()) or "Write one such as Europe/Berlin."
        raise fault(f"There is no time zone `{name}`.", hint) from None


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _watched(name: str) -> str:
    if re.fullmatch(_PART, name) is None:
        raise ValueError(f"`{name}` can't be part of a fact's name: that has letters, digits, _ and - alone.")
    return name


def _hours(text: str) -> tuple[time, time]:
    found = re.fullmatch(r"(([01][0-9]|2[0-3]):[0-5][0-9])-(([01][0-9]|2[0-3]):[0-5][0-9])", text)
    if found is None or found[1] >= found[3]:
        raise ValueError(f"`{text}` are no working hours; write them as 09:00-17:00.")
    return time.fromisoformat(found[1]), time.fromisoformat(found[3])


Name = Annotated[str, Field(min_length=1, max_length=128)]
Watched = Annotated[str, ReadBy(_watched, pattern=_PART)]
"""A feature that facts are made of: its name is a part of theirs."""
Day = Annotated[int, ReadBy(read_weekday, enum=[name for day in DAYS for name in (day, day[:3])])]
"""A day of the week, from Monday, 0."""
Days = Annotated[
    Sequence[date],
    ReadBy(read_days, description="2026-12-25, 2026-12-24..2027-01-01, or a country's holidays: PL, DE-BY."),
]
"""Days on which nobody is expected to work."""
Date = Annotated[date, ReadBy(read_date, format="date")]
Zone = Annotated[str, ReadBy(_zone)]
Hours = Annotated[tuple[time, time], ReadBy(_hours, pattern=r"^\d\d:\d\d-\d\d:\d\d$", description="As 09:00-17:00.")]
"""Local times of one day."""


class Span(FileModel):
    """Days from the first to the last, both included."""

    first: Date = Field(alias="from")
    last: Date = Field(alias="to")

    @classmethod
    def look(cls, node: Any, reading: Reading) -> None:
        """It doesn't end before it begins. Dates compare as texts do; what is none is told of anyway."""
        if str(node.get("to", "")) < str(node.get("from", "")) and "to" in node:
            reading.note("`to` lies before `from`.", node.places["to"])
