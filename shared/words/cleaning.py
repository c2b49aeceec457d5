"""Text from outside, made safe for every face at once: a terminal, a chat, a mail, a title."""

import re
from typing import Final
from unicodedata import category

_SEQUENCE: Final = re.compile(
    r"""(?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]                                # colours, cursor, screen
      | (?: \x1b[\]PX^_] | [\x90\x98\x9d-\x9f] ) [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )   # titles, links, commands
    """,
    re.VERBOSE,
)
"""What a terminal would obey; without the whole of it, its parameters would be left as litter."""

_VISIBLE_FORMATS: Final = frozenset([*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD])
"""Signs before Arabic, Syriac and Kaithi numbers: format characters, and yet seen."""
_BLANK_LETTERS: Final = frozenset([0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0])
"""Letters and marks that show nothing: a name of them would be no name."""
_JOINERS: Final = frozenset([0x200C, 0x200D])

_JOINED: Final = "\u0600-\u109f\ufe0f\u2190-\u2bff\U00010a00-\U00011fff\U0001f000-\U0001faff"
_LOOSE_JOINER: Final = re.compile(f"(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])")
"""Joiners shape Persian, Indic scripts and emoji; anywhere else they only make two texts look like one."""
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILED: Final = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")


def clean(text: str, limit: int | None = None) -> str:
    """Text from outside as one safe line, of at most `limit` characters where one is given, cut at a word with `…`.

    What a terminal obeys goes, and so does what changes how its surroundings are read: control characters,
    bidirectional overrides and isolates, invisible characters, marks piled on one letter. Line breaks become spaces,
    half a surrogate pair, which no output can encode, becomes `�`. Letters of every script and emoji stay. Cleaning
    twice changes nothing.
    """
    line = " ".join(_safe(text).split())
    if limit is None or len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:.") + "…"


def clean_lines(text: str) -> list[str]:
    """Text that was laid out in lines, such as a letter: each is made as safe, and keeps its spaces."""
    return [_safe(line).rstrip() for line in text.split("\n")]


def _safe(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", _LOOSE_JOINER.sub("", _SEQUENCE.sub("", text).translate(_FOLDED)))


class _Folded:
    """What each character becomes, by its Unicode category."""

    def __getitem__(self, code: int) -> int | str:
        match category(chr(code)):
            case "Cc" | "Zl" | "Zp":
                return " "
            case "Cs":
                return "\ufffd"
            case "Cf" if code not in _VISIBLE_FORMATS and code not in _JOINERS:
                return ""
        return "" if code in _BLANK_LETTERS or 0xE0000 <= code < 0xE1000 else code


_FOLDED: Final = _Folded()
