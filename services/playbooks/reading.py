"""Reads a YAML mapping field by field, so that its author hears of everything that is wrong at once."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from shared.conditions import Position, position_of
from shared.conditions.loading import Problems, plain

T = TypeVar("T")


class Reader:
    """One mapping of a file, read as the fields of `shape`."""

    def __init__(self, node: Any, shape: type[msgspec.Struct], problems: Problems, at: Position | None) -> None:
        self.problems = problems
        self.at = at
        self._fields = {one.encode_name: one for one in msgspec.structs.fields(shape)}
        self._refused: set[str] = set()
        self._node: Mapping[str, Any] = node if isinstance(node, Mapping) else {}
        if not isinstance(node, Mapping):
            problems.add(f"Here belongs a mapping with fields such as {', '.join(list(self._fields)[:3])}.", at)
            return
        for key in node:
            if key not in self._fields:
                near = get_close_matches(str(key), self._fields, n=1)
                problems.add(
                    f"There is no field `{key}`.", self._key(key), f"Did you mean `{near[0]}`?" if near else None
                )
        for name, field in self._fields.items():
            if field.required and name not in node:
                problems.add(f"`{name}` is missing.", at)

    def has(self, name: str) -> bool:
        """True when the field is there and not null."""
        return self._node.get(name) is not None

    def raw(self, name: str) -> Any:
        """The field's node; None when it is not there."""
        return self._node.get(name)

    def place(self, name: str) -> Position | None:
        """Where the field's value stands."""
        return position_of(self._node, name) or self.at

    def value(self, name: str) -> Any:
        """The field as its type; its default when it is not there or, with the problem noted, doesn't fit."""
        field = self._fields[name]
        default = field.default_factory() if callable(field.default_factory) else field.default
        if name not in self._node:
            return None if default is msgspec.NODEFAULT else default
        try:
            return msgspec.convert(plain(self._node[name]), field.type)
        except msgspec.ValidationError as error:
            if name in self._refused:
                return None if default is msgspec.NODEFAULT else default
            self._refused.add(name)
            message, _, path = str(error).partition(" - at `$")
            where = f" (in `{path.rstrip('`').lstrip('.')}`)" if path.rstrip("`") else ""
            self.problems.add(f"`{name}`: {message}{where}.", self.place(name))
            return None if default is msgspec.NODEFAULT else default

    def parsed(self, name: str, parse: Callable[[str], T]) -> T | None:
        """A text field through a parser that raises `ValueError` with a sentence."""
        text = self.value(name)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problems.add(str(error), self.place(name))
            return None

    def _key(self, key: Any) -> Position | None:
        marks = getattr(self._node, "lc", None)
        if marks is None:
            return self.at
        line, column = marks.key(key)
        return Position(line + 1, column + 1)
