"""When somebody works, as it is written: one pair of hours, or one for each day of the week."""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Tag, ValidationInfo

from services.playbooks.core.workinghours import OFFICE
from services.playbooks.files.checks import ByShape
from shared.files.kinds import DAYS, Hours, ReadBy, read_weekday
from shared.files.models import Reading, fault
from shared.files.nodes import Fields

Pair = tuple[time, time]


def _days(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    begins, ends = (read_weekday(one.strip()) for one in (first, last or first))
    if ends < begins:
        raise fault(f"`{text}` goes backwards; write the earlier day of the week first.")
    return tuple(range(begins, ends + 1))


def _once(value: Any, info: ValidationInfo) -> Any:
    """Nobody knows which hours of a day are meant that is there twice."""
    seen = set[int]()
    for key in value if isinstance(value, Fields) else ():
        try:
            days = set(_days(str(key)))
        except ValueError:
            continue  # It is told by itself.
        if both := days & seen:
            Reading.of(info).note(f"{DAYS[min(both)].title()} is there twice.", value.keys_at[key])
        seen |= days
    return value


DaysOfWeek = Annotated[tuple[int, ...], ReadBy(_days, description="A day such as fri, or days such as mon-thu.")]
ByDay = Annotated[dict[DaysOfWeek, Hours], BeforeValidator(_once), Field(min_length=1)]
WeekHours = Annotated[Annotated[Hours, Tag("text")] | Annotated[ByDay, Tag("mapping")], ByShape]
"""09:00-17:00, or {mon-thu: 09:00-17:00, fri: 09:00-13:00}; a day that is left out is free."""


def week_of(hours: Pair | Mapping[tuple[int, ...], Pair], days: list[int]) -> dict[str, Any]:
    """As the core's `Hours` has it."""
    if isinstance(hours, Mapping):
        by_day = {day: pair for days, pair in hours.items() for day in days}
        others = tuple((day, *pair) for day, pair in sorted(by_day.items()))
        return {"days": tuple(sorted(by_day)), "start": OFFICE.start, "end": OFFICE.end, "others": others}
    start, end = hours
    return {"days": tuple(sorted({*days})), "start": start, "end": end}
