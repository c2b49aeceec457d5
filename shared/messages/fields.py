"""The field types that the definitions share, with their limits."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128, description="An identifier, at most 128 characters.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, description="A name, at most 256 characters.")]
Text = Annotated[str, msgspec.Meta(max_length=8192, description="Free text, at most 8,192 characters.")]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=8192, description="Why, in at most 8,192 characters.")]
Time = Annotated[datetime, msgspec.Meta(tz=True, description="An RFC 3339 time with a zone; kept in UTC.")]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="An ISO 4217 currency code.")]
MOST_WHOLE = 2**53
"""Beyond this JSON's whole numbers mean different things to different readers, and no database column holds them."""
Minor = Annotated[
    int, msgspec.Meta(ge=-MOST_WHOLE, le=MOST_WHOLE, description="Money in integer minor units, such as cents.")
]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_WHOLE, description="A whole number, 0 or more.")]


class CustomerEvent(msgspec.Struct, frozen=True):
    """The data of what `POST /v1/events` takes; the registry finds it by the types that it names."""

    types: ClassVar[tuple[str, ...]] = ()
    """The types of events that carry it; none of what others only build on."""
