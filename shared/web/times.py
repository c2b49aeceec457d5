"""A time in a request's body: one with a zone that is meant, cut to microseconds."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from shared.messages.dates import is_no_date, says_no_date, settled


def _as_read(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    if says_no_date(given):
        raise ValueError(_EMPTY)
    return settled(given)


def _is_meant(time: datetime) -> datetime:
    if is_no_date(time):
        raise ValueError(_EMPTY)
    return time


_EMPTY = "it looks like an empty date; give the real time, or leave it out"
Moment = Annotated[AwareDatetime, BeforeValidator(_as_read), AfterValidator(_is_meant)]
"""As events' times are read (`shared.messages.dates`); what means no date is refused: whoever asks can leave it out."""
