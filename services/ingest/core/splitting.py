"""Finds the parts of JSON that is broken somewhere, so that one broken event is no reason to refuse all others.

A decoder fails as a whole. This looks at nothing but texts and brackets: where each element of a list, or each member
of an object, begins and ends. What is between is not judged here. It is for what a decoder has refused: on sound JSON
it finds the same parts, some fifty times slower.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

_TOKEN: Final = re.compile(rb'"(?:[^"\\]+|\\.)*+"?|[\[\]{},:]', re.DOTALL)
"""A text, also one that never ends, or what structures."""
_OPENED: Final = {b"]": b"[", b"}": b"{"}
_MOST_TOKENS: Final = 1_000_000
"""More than a body of 5 MB has, unless it was made to keep us busy: they take a third of a second."""
_BLANKS: Final = b" \t\r\n"
_text = msgspec.json.Decoder(str)


class Unfinished(ValueError):
    """It ends before its last bracket is closed, or goes on after it: `parts` were whole by then."""

    def __init__(self, parts: int) -> None:
        super().__init__(f"it ends in the middle of element {parts}")
        self.parts = parts


def elements(raw: bytes) -> list[bytes]:
    """The elements of a list as they stand there. A comma behind the last one does no harm. Raises `Unfinished`."""
    found = [raw[start:end].strip(_BLANKS) for start, end, _ in _parts(raw)]
    return found[:-1] if found and not found[-1] else found


def members(raw: bytes) -> dict[str, bytes]:
    """The values of an object as they stand there, by name; those with a broken name are left out.

    Of an object that never ends, or is broken in its structure, those that are whole.
    """
    found: dict[str, bytes] = {}
    try:
        for start, end, colon in _parts(raw):
            if colon is not None:
                try:
                    name = _text.decode(raw[start:colon].strip(_BLANKS))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                found[name] = raw[colon + 1 : end].strip(_BLANKS)
    except Unfinished:
        pass
    return found


def _parts(raw: bytes) -> Iterator[tuple[int, int, int | None]]:
    """Where each part of a list or object begins and ends, and of a member where its colon is.

    A bracket that closes nothing is passed over, and one that closes more than the innermost closes all within it: so
    a bracket too many or too few is a matter of the part that it stands in.
    """
    base = b""
    inner: list[bytes] = []
    count = {b"[": 0, b"{": 0}
    start, colon, parts, over = 0, None, 0, len(raw.rstrip(_BLANKS))
    for token in islice(_TOKEN.finditer(raw), _MOST_TOKENS):
        sign = token[0]
        if sign in b"[{":
            if base:
                inner.append(sign)
                count[sign] += 1
            else:
                base, start = sign, token.end()
        elif sign in b"]}":
            opened = _OPENED[sign]
            if count[opened]:
                while (last := inner.pop()) != opened:
                    count[last] -= 1
                count[opened] -= 1
            elif opened == base and (not inner or token.end() == over):
                yield start, token.start(), colon
                if token.end() != over:
                    raise Unfinished(parts)
                return
        elif base and not inner:
            if sign == b",":
                yield start, token.start(), colon
                start, colon, parts = token.end(), None, parts + 1
            elif sign == b":" and colon is None:
                colon = token.start()
    raise Unfinished(parts)
