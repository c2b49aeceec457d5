"""Entity tags: whether what somebody read still stands (RFC 9110, 8.8.3 and 13.1.1)."""

import re
from collections.abc import Iterable
from typing import Final

_TAG: Final = re.compile(r'\s*(?:(W/)?("[\x21\x23-\x7e\x80-\xff]*"))?\s*(?:,|$)')


def matches(if_match: Iterable[str], tag: str) -> bool:
    """Does `If-Match`, given on so many lines, allow it? `*` is anything that is there; a weak tag is nothing's; what
    can't be read allows nothing."""
    given = ",".join(if_match)
    if given.strip() == "*":
        return True
    at, found = 0, set[str]()
    while at < len(given):
        one = _TAG.match(given, at)
        if one is None:
            return False
        at = one.end()
        if one[2] and not one[1]:
            found.add(one[2])
    return tag in found
