"""One YAML 1.2 document as plain values that know their places. Whatever comes in, a value comes out, or `Refused`.

The values are built from the parser's events, one by one, so that depth, aliases and size are limited before anything
is made of them: a document of a kilobyte can stand for more values than any memory holds.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from shared.conditions.errors import START, Position, Problem, Refused

MOST_BYTES: Final = 1_000_000
MOST_VALUES: Final = 50_000
"""Those that aliases repeat are counted each time."""
DEEPEST: Final = 50
_MOST_DIGITS: Final = 18

_NULL: Final = {"", "~", "null", "Null", "NULL"}
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
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
    builder = _Builder(file)
    text = data if isinstance(data, str) else _decoded(data, builder)
    if len(text) > MOST_BYTES:
        builder.stop(f"The file is too large: at most {MOST_BYTES:,} bytes.", START)
    for found in _UNSEEN.finditer(text):
        builder.wrong(f"Here is a control character (U+{ord(found[0]):04X}).", _place_in(text, found.start()))
    builder.settle()
    for event in _events(text, builder):
        builder.take(event)
    builder.settle()
    return builder.root


def _decoded(data: bytes, builder: "_Builder") -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        builder.stop("The file is in UTF-16: save it as UTF-8.", START)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        message = f"The byte 0x{data[error.start]:02X} is no UTF-8: save the file as UTF-8."
        builder.stop(message, _place_in(before, len(before)))


def _place_in(text: str, index: int) -> Position:
    return Position(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _events(text: str, builder: "_Builder") -> Iterator[Event]:
    at = START
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            at = _position(event.start_mark) or at
            yield event
    except Refused:
        raise
    except YAMLError as error:
        mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
        said = getattr(error, "problem", None) or getattr(error, "context", None) or "this is no YAML"
        said = str(said).partition("\n")[0]
        builder.stop(f"{said[0].upper()}{said[1:]}.", _position(mark) or at)
    except Exception:
        # The parser is somebody else's and meets text that nobody foresaw: what it stumbles over is no YAML to us.
        builder.stop("From here on this can't be read as YAML.", at)


def _position(mark: Any) -> Position | None:
    return None if mark is None else Position(mark.line + 1, mark.column + 1)


class _Open:
    """A mapping or list that has begun and not ended."""

    def __init__(self, value: Fields | Items, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.size = 1
        self.key: tuple[Any, Position] | None = None
        self.merged: list[Fields] = []


class _Builder:
    """Puts values together, and collects what is wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Any = None
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        """What each stands for and how many values that is; None while it is still open."""

    def wrong(self, message: str, at: Position, suggestion: str | None = None) -> None:
        self.problems.append(Problem(message, at, suggestion, file=self.file))

    def stop(self, message: str, at: Position) -> NoReturn:
        self.wrong(message, at)
        raise Refused(self.problems)

    def settle(self) -> None:
        if self.problems:
            raise Refused(self.problems)

    def take(self, event: Event) -> None:
        at = _position(event.start_mark) or START
        if isinstance(event, NodeEvent) and getattr(event, "tag", None) is not None:
            self.wrong("Tags such as `!this` mean nothing here.", at)
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self.stop("Here begins a second document; a file holds one.", at)
            case MappingStartEvent() | SequenceStartEvent():
                value = Fields(at) if isinstance(event, MappingStartEvent) else Items(at)
                self._open.append(_Open(value, self._anchored(event.anchor)))
                if len(self._open) > DEEPEST:
                    self.stop(f"This is nested too deeply: at most {DEEPEST} levels.", at)
            case MappingEndEvent() | SequenceEndEvent():
                self._close(self._open.pop())
            case ScalarEvent():
                self._add(self._scalar(event, at), 1, at, self._anchored(event.anchor))
            case AliasEvent():
                self._alias(event.anchor, at)

    def _anchored(self, anchor: Any) -> str | None:
        if anchor is not None:
            self._anchors[str(anchor)] = None
        return None if anchor is None else str(anchor)

    def _close(self, done: _Open) -> None:
        for merged in done.merged:
            for key, value in merged.items():
                if key not in done.value and isinstance(done.value, Fields):
                    done.value[key] = value
                    done.value.keys_at[key], done.value.places[key] = merged.keys_at[key], merged.places[key]
        self._add(done.value, done.size, done.value.at, done.anchor)

    def _alias(self, anchor: Any, at: Position) -> None:
        if str(anchor) not in self._anchors:
            self.wrong(f"`*{anchor}` stands for nothing: no `&{anchor}` comes before it.", at)
        known = self._anchors.get(str(anchor))
        if known is None and str(anchor) in self._anchors:
            self.wrong(f"`*{anchor}` is part of what it stands for.", at)
        value, size = known or (None, 1)
        self._add(value, size, at, None)

    def _add(self, value: Any, size: int, at: Position, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size
        if not self._open:
            self.root = value
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MOST_VALUES:
            self.stop(f"The file stands for too many values: at most {MOST_VALUES:,}, aliases counted in.", at)
        if isinstance(parent.value, Items):
            parent.value.append(value)
            parent.value.places.append(at)
        elif parent.key is None:
            parent.key = self._key(value, at), at
        else:
            (key, key_at), parent.key = parent.key, None
            self._set(parent, key, key_at, value, key_at if value is None else at)

    def _key(self, value: Any, at: Position) -> Any:
        if isinstance(value, Fields | Items):
            self.wrong("A mapping or list can't be a key.", at)
            return object()
        return value

    def _set(self, parent: _Open, key: Any, key_at: Position, value: Any, at: Position) -> None:
        fields = parent.value
        assert isinstance(fields, Fields)
        if key == "<<" and not parent.merged:
            parent.merged = [one for one in (value if isinstance(value, Items) else [value]) if isinstance(one, Fields)]
            if not parent.merged:
                self.wrong("`<<` takes in a mapping, or a list of them.", key_at)
        elif key in fields:
            self.wrong(f"`{key}` is here twice; first in line {fields.keys_at[key].line}.", key_at)
        else:
            fields[key], fields.keys_at[key], fields.places[key] = value, key_at, at

    def _scalar(self, event: ScalarEvent, at: Position) -> Any:
        value = str(event.value)
        if event.style is None:
            if value in _NULL:
                return None
            if value in _BOOLEANS:
                return _BOOLEANS[value]
            if (is_integer := _INTEGER.fullmatch(value)) or _FLOAT.fullmatch(value) or _NO_NUMBER.fullmatch(value):
                return self._number(value, bool(is_integer), at)
        if _UNSEEN.search(value):
            self.wrong("This text has a control character in it.", at)
        text = Text(value)
        one_line = event.style not in ("|", ">") and event.start_mark.line == event.end_mark.line
        text.at, text.begins = at, at.right(1) if one_line and event.style else at
        return text

    def _number(self, written: str, is_integer: bool, at: Position) -> int | float | None:
        if is_integer and len(written) <= _MOST_DIGITS:
            base = {"0o": 8, "0x": 16}.get(written[:2], 10)
            return int(written, base)
        number = math.inf if is_integer or len(written) > 2 * _MOST_DIGITS or "n" in written.lower() else float(written)
        if math.isfinite(number):
            return number
        shown = written if len(written) <= 2 * _MOST_DIGITS else f"{written[:_MOST_DIGITS]}…"
        self.wrong(f"`{shown}` is no number that could be used here.", at, "Text that looks like one goes in quotes.")
        return None
