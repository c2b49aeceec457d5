"""One YAML 1.2 document as plain values that know their places. Whatever comes in, a value comes out, or `Refused`.

The values are built from the parser's events, one by one, so that depth, aliases and size are limited before anything
is made of them: a document of a kilobyte can stand for more values than any memory holds.
"""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML, events
from ruamel.yaml.error import YAMLError

from shared.conditions.errors import START, Position, Problem, Refused

MOST_BYTES: Final = 1_000_000
MOST_VALUES: Final = 60_000
"""Those that aliases repeat are counted each time."""
DEEPEST: Final = 50
_MOST_DIGITS: Final = 18

_WORDS: Final = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


class Text(str):
    """A text that knows where it stands."""

    at: Position
    begins: Position
    """Where its first letter stands: of quoted text, after the quote."""


class Fields(dict[Any, Any]):
    """A mapping that knows where it, its keys and their values stand."""

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[Any, Position] = {}
        self.places: dict[Any, Position] = {}


class Items(list[Any]):
    """A list that knows where it and its items stand."""

    def __init__(self, at: Position) -> None:
        super().__init__()
        self.at = at
        self.places: list[Position] = []


def load(data: bytes | str, file: str) -> Any:
    """The value of a file with one document; None when it is empty. Raises `Refused` with all that is wrong."""
    return _Builder(file).value_of(data)


class _Open:
    """A mapping or list that has begun and not ended."""

    def __init__(self, value: Fields | Items, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.size = 1
        self.key: tuple[Any, Position] | None = None


class _Builder:
    """Puts the values of one file together, and collects what is wrong."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._root: Any = None
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """What each stands for and how many values that is; None while it is still open."""

    def value_of(self, data: bytes | str) -> Any:
        text = data if isinstance(data, str) else self._decoded(data)
        if len(text) > MOST_BYTES:
            self._stop(f"The file is too large: at most {MOST_BYTES:,} bytes.", START)
        for found in _UNSEEN.finditer(text):
            self._wrong(f"Here is a control character (U+{ord(found[0]):04X}).", _place_in(text, found.start()))
        if not self._problems:
            for event in self._events(text):
                self._take(event, _position(event.start_mark) or START)
        if self._problems:
            raise Refused(self._problems)
        return self._root

    def _wrong(self, message: str, at: Position, suggestion: str | None = None) -> None:
        self._problems.append(Problem(message, at, suggestion, file=self._file))

    def _stop(self, message: str, at: Position) -> NoReturn:
        self._wrong(message, at)
        raise Refused(self._problems)

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8", errors="replace")
            said = f"The byte 0x{data[error.start]:02X} is no UTF-8: save the file as UTF-8."
            self._stop(said, _place_in(before, len(before)))

    def _events(self, text: str) -> Iterator[Any]:
        at = START
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                at = _position(event.start_mark) or at
                yield event
        except YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            said = getattr(error, "problem", None) or getattr(error, "context", None) or "this is no YAML"
            self._stop(f"{said[0].upper()}{said[1:].partition(chr(10))[0]}.", _position(mark) or at)
        except Exception:
            # The parser is somebody else's and meets text that nobody foresaw: what it stumbles over is no YAML to us.
            self._stop("From here on this can't be read as YAML.", at)

    def _take(self, event: Any, at: Position) -> None:
        if getattr(event, "tag", None) is not None:
            self._wrong("Tags such as `!this` mean nothing here.", at)
        match event:
            case events.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop("Here begins a second document; a file holds one.", at)
            case events.CollectionStartEvent():
                is_mapping = isinstance(event, events.MappingStartEvent)
                self._open.append(_Open(Fields(at) if is_mapping else Items(at), event.anchor))
                self._anchors[event.anchor] = None
                if len(self._open) > DEEPEST:
                    self._stop(f"This is nested too deeply: at most {DEEPEST} levels.", at)
            case events.CollectionEndEvent():
                done = self._open.pop()
                self._add(done.value, done.size, done.value.at, done.anchor)
            case events.ScalarEvent():
                self._add(self._scalar(event, at), 1, at, event.anchor)
            case events.AliasEvent():
                known = self._anchors.get(event.anchor)
                if known is None:
                    here = "is part of what it stands for" if event.anchor in self._anchors else "stands for nothing"
                    self._wrong(f"`*{event.anchor}` {here}.", at)
                value, size = known or (None, 1)
                self._add(value, size, at)

    def _add(self, value: Any, size: int, at: Position, anchor: str | None = None) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MOST_VALUES:
            self._stop(f"The file stands for too many values: at most {MOST_VALUES:,}, aliases counted in.", at)
        if isinstance(parent.value, Items):
            parent.value.append(value)
            parent.value.places.append(at)
        elif parent.key is None:
            parent.key = self._key(value, at, parent.value), at
        else:
            (key, key_at), parent.key = parent.key, None
            # Of an empty value the parser says that it stands where the next one does.
            at = key_at if value is None else at
            parent.value[key], parent.value.keys_at[key], parent.value.places[key] = value, key_at, at

    def _key(self, key: Any, at: Position, fields: Fields) -> Any:
        if isinstance(key, Fields | Items):
            self._wrong("A mapping or list can't be a key.", at)
            return None
        if key == "<<":
            self._wrong("Merging by `<<` is no YAML 1.2: write the fields out.", at)
        if key in fields:
            self._wrong(f"`{key}` is here twice; first in line {fields.keys_at[key].line}.", at)
        return key

    def _scalar(self, event: events.ScalarEvent, at: Position) -> Any:
        value, is_plain = str(event.value), event.style is None
        if is_plain and value in _WORDS:
            return _WORDS[value]
        if is_plain and (_WHOLE.fullmatch(value) or _NUMBER.fullmatch(value)):
            return self._number(value, at)
        if _UNSEEN.search(value):
            self._wrong("This text has a control character in it.", at)
        text = Text(value)
        is_quoted = not is_plain and event.start_mark.line == event.end_mark.line
        text.at, text.begins = at, at.right(1) if is_quoted else at
        return text

    def _number(self, written: str, at: Position) -> int | float:
        if len(written) <= _MOST_DIGITS and _WHOLE.fullmatch(written):
            return int(written, {"0o": 8, "0x": 16}.get(written[:2], 10))
        number = float(re.sub(r"\.(?=[ni])", "", written.lower())) if not _WHOLE.fullmatch(written) else float("inf")
        if not isfinite(number):
            said = f"`{written[:_MOST_DIGITS]}` is no number that could be used here."
            self._wrong(said, at, "Text that looks like one goes in quotes.")
        return number


def _position(mark: Any) -> Position | None:
    return None if mark is None else Position(mark.line + 1, mark.column + 1)


def _place_in(text: str, index: int) -> Position:
    return Position(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))
