"""What a form says that comes back from a page of ours."""

from typing import Final
from urllib.parse import parse_qs

LARGEST: Final = 32 * 1024
"""Bytes of a form."""
MOST_FIELDS: Final = 20


def urlencoded(body: bytes) -> dict[str, str]:
    """The fields of a form by their names, the first of each. What can't be read has none."""
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
