"""Kinds of values that files of all services have in common: each says in one way what can be written."""

import re
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core.core_schema import CoreSchema, with_info_plain_validator_function

from shared.conditions import Condition, Refused, did_you_mean, parse
from shared.files.models import FileModel, Reading, fault

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _day(value: Any) -> int:
    said = str(value).casefold()
    for number, day in enumerate(DAYS):
        if said in (day, day[:3]):
            return number
    hint = did_you_mean(said, (*DAYS, *(day[:3] for day in DAYS)))
    raise fault(f"`{str(value)[:60]}` is no day of the week; write monday or mon.", hint)


def _date(value: Any) -> date:
    text = str(value)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise fault(f"`{text[:60]}` is no date; write one such as 2026-12-25.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fault(f"There is no such day as `{text}`.") from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(name, _zones()) or "Write one such as Europe/Berlin."
        raise fault(f"There is no time zone `{name[:60]}`.", hint) from None
    return name


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _hours(value: Any) -> tuple[time, time]:
    found = re.fullmatch(r"([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])", str(value))
    try:
        start, end = (time.fromisoformat(part) for part in found.groups()) if found else (time(), time())
    except ValueError:
        start = end = time()
    if start >= end:
        raise fault(f"`{str(value)[:60]}` are no working hours; write them as 09:00-17:00.")
    return start, end


_TEXT: Final = {"type": "string"}
Name = Annotated[str, Field(min_length=1, max_length=128)]
Day = Annotated[int, PlainValidator(_day), WithJsonSchema({"enum": [name for day in DAYS for name in (day, day[:3])]})]
"""A day of the week, from Monday, 0."""
Date = Annotated[date, PlainValidator(_date), WithJsonSchema({**_TEXT, "format": "date"})]
Zone = Annotated[str, AfterValidator(_zone)]
Hours = Annotated[
    tuple[time, time],
    PlainValidator(_hours),
    WithJsonSchema({**_TEXT, "pattern": r"^\d\d:\d\d-\d\d:\d\d$", "description": "Local, as 09:00-17:00."}),
]


class Span(FileModel):
    """Days from the first to the last, both included."""

    first: Date = Field(alias="from")
    last: Date = Field(alias="to")

    @classmethod
    def look(cls, node: Any, reading: Reading) -> None:
        """It ends after it begins."""
        try:
            if _date(node.get("to")) < _date(node.get("from")):
                reading.note("`to` lies before `from`.", node.places["to"])
        except ValueError:
            return


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
        try:
            return parse(node, reading.scopes[self.scope])
        except Refused as error:
            if not hasattr(node, "at"):  # It is neither text nor a list nor a mapping, and pydantic knows where.
                raise fault(error.problems[0].message) from None
            reading.problems += [replace(one, file=reading.file) for one in error.problems]
            return None
