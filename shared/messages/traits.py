"""What of traits is kept, exactly as it is sent: text, numbers, lists and objects, up to a size."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from shared.messages.fields import MOST_WHOLE

MOST: Final = 100
"""Of an account, the known ones among them."""
MOST_OF_CONTACT: Final = 20
LONGEST_NAME: Final = 128
LARGEST: Final = 1024
"""Bytes of a trait's value as JSON."""


def why_not_kept(traits: Mapping[str, Any], most: int) -> str | None:
    """Why these can't be kept as they are, in words; None where they can."""
    if len(traits) > most:
        return too_many(len(traits), most)
    for name, value in traits.items():
        where = f"data.traits.{name[:LONGEST_NAME]}"
        if len(name) > LONGEST_NAME:
            return f"{where}… is a name of {len(name)} characters; at most {LONGEST_NAME} are kept. Shorten it."
        if (number := too_large(value)) is not None:
            return f"{where} has the number {number}, which is not kept exactly beyond 2^53. Send it as text."
        if (size := len(msgspec.json.encode(value))) > LARGEST:
            return f"{where} has {size:,} bytes as JSON; at most {LARGEST:,} are kept. Shorten it, or leave it out."
    return None


def too_many(number: int, most: int) -> str:
    """Why so many aren't taken."""
    return f"data.traits has {number} traits; at most {most} are kept. Leave some out."


def too_large(value: Any) -> int | None:
    """A whole number in it that not every reader of JSON reads exactly."""
    if isinstance(value, bool | str | float) or value is None:
        return None
    if isinstance(value, int):
        return None if -MOST_WHOLE <= value <= MOST_WHOLE else value
    inner = value.values() if isinstance(value, dict) else value
    return next((found for one in inner if (found := too_large(one)) is not None), None)
