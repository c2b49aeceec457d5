"""YAML files for people: read with their positions, and refused with everything that is wrong, by line and column."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarfloat import ScalarFloat
from ruamel.yaml.scalarstring import ScalarString

from shared.conditions.errors import START, ConditionError, Position, Problem, position_of
from shared.conditions.parsing import parse
from shared.conditions.scope import Scope
from shared.conditions.tree import Condition

T = TypeVar("T")


class Refused(ValueError):
    """A file, or several, can't be used. Says everything that is wrong with them, one problem a paragraph."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: (one.file, one.position.line, one.position.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """Collects what is wrong with one file, so that its author hears of it all at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, message: str, at: Position | None = None, suggestion: str | None = None) -> None:
        """Note one problem."""
        self.found.append(Problem(message, at or START, suggestion=suggestion, file=self.file))

    def condition(self, node: Any, scope: Scope | None = None, at: Position | None = None) -> Condition | None:
        """Parse a condition; None, with its problems noted, when it is refused."""
        try:
            return parse(node, scope, at)
        except ConditionError as error:
            self.found += [replace(problem, file=self.file) for problem in error.problems]
            return None

    def settle(self) -> None:
        """Raise `Refused` when there was a problem."""
        if self.found:
            raise Refused(self.found)


def load_yaml(text: str, name: str) -> Any:
    """Read one YAML 1.2 document; its mappings and lists know their lines and columns (`position_of`).

    Raises `Refused` for what is no YAML, a key that is there twice, or a tag.
    """
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    problems = Problems(name)
    try:
        node = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = (error.problem or error.context or "this is no YAML").partition("\n")[0]
        problems.add(f"{said[0].upper()}{said[1:]}.", Position(mark.line + 1, mark.column + 1) if mark else None)
        raise Refused(problems.found) from None
    except YAMLError as error:
        problems.add(str(error))
        raise Refused(problems.found) from None
    _settle_scalars(node, problems, set())
    problems.settle()
    return node


def convert(node: Any, type: type[T], name: str, *, texts: bool = False) -> T:
    """A loaded node as a typed value. Raises `Refused` with the place.

    Fields of type Any keep their positions, and texts know how they were written; with `texts` all is plain.
    """
    try:
        return msgspec.convert(plain(node) if texts else node, type)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        problems = Problems(name)
        problems.add(f"{message}.", _place(node, path.rstrip("`"), message))
        raise Refused(problems.found) from None


def plain(node: Any) -> Any:
    """A YAML node as plain values: its scalars carry how they were written, which no type wants."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool):
        return bool(node)
    return str(node) if isinstance(node, str) else int(node) if isinstance(node, int) else node


def _settle_scalars(node: Any, problems: Problems, seen: set[int]) -> None:
    """Make round-trip numbers plain ones, in place, and refuse what conditions and structs can't read."""
    if id(node) in seen:
        return
    seen.add(id(node))
    _settle_keys(node)
    for key, value in _items(node):
        if isinstance(value, TaggedScalar):
            problems.add("Tags such as `!this` mean nothing here.", position_of(node, key))
        elif isinstance(value, ScalarFloat):
            node[key] = float(value)
        elif isinstance(value, ScalarBoolean):
            node[key] = bool(value)
        else:
            _settle_scalars(value, problems, seen)


def _settle_keys(node: Any) -> None:
    """Make quoted keys plain ones, in their order: msgspec takes no others."""
    if isinstance(node, CommentedMap) and any(isinstance(key, ScalarString) for key in node):
        for key in list(node):
            # The positions stay: they go by equal keys.
            node[str(key) if isinstance(key, ScalarString) else key] = node.pop(key)


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, CommentedMap):
        yield from list(node.items())
    elif isinstance(node, CommentedSeq):
        yield from list(enumerate(node))


def _place(node: Any, path: str, message: str) -> Position | None:
    """Where msgspec's path, such as `$.steps[0].due`, stands in the file: as near as it can be followed."""
    at = position_of(node, 0) if isinstance(node, list) else Position()
    for field, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        key = field or int(index)
        at = position_of(node, key) or at
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return at
    unknown = re.search(r"unknown field `(.+)`", message)
    marks = getattr(node, "lc", None)
    if unknown and marks is not None and unknown[1] in node:
        line, column = marks.key(unknown[1])
        return Position(line + 1, column + 1)
    return at
