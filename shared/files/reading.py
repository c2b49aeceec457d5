"""From bytes to a model: every fault of a file at once, with its place and what was meant."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from re import findall
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.conditions.errors import START, Position, Problem, Refused, did_you_mean
from shared.files.models import FileModel, Reading
from shared.files.nodes import MOST_BYTES, Fields, Items, load

M = TypeVar("M", bound=FileModel)
T = TypeVar("T")


def read(data: bytes | str, file: str, model: type[M], beside: Any = None) -> M:
    """A file's content as its model, with its `warnings`; `beside` is what else it is checked against.

    Raises `Refused` with all that is wrong.
    """
    found = read_if_any(data, file, model, beside)
    if found is None:
        raise Refused([Problem("The file is empty.", file=file)])
    return found


def read_if_any(data: bytes | str, file: str, model: type[M], beside: Any = None) -> M | None:
    """As `read`; None when nothing is in the file."""
    root = load(data, file)
    if root is None:
        return None
    reading = Reading(file, model.scopes(root, beside), beside)
    try:
        found = model.model_validate(root, context=reading)
    except ValidationError as error:
        reading.problems += _problems(error, root, file)
    if reading.problems:
        raise Refused(reading.problems)
    found._warnings = tuple(reading.warnings)
    return found


def content_of(path: Path) -> bytes:
    """A file's bytes. Raises `Refused` when it can't be opened, is no file, or is too large to be one of ours."""
    try:
        if path.exists() and not path.is_file():
            said = "This is no file."
        else:
            with path.open("rb") as opened:
                return opened.read(MOST_BYTES + 1)
    except OSError as error:
        said = f"The file can't be read: {error.strerror or type(error).__name__}."
    raise Refused([Problem(said, file=str(path))])


@contextmanager
def gathered(problems: list[Problem]) -> Iterator[None]:
    """Take down what is refused inside, and go on: so that several files' faults are told together."""
    try:
        yield
    except Refused as error:
        problems += error.problems


def files_in(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name. Raises `Refused` when it is none or can't be looked into."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        raise Refused([Problem(f"The folder can't be read: {error.strerror}.", file=str(folder))]) from None


def read_each(
    paths: Iterable[Path], reading: Callable[[bytes, str], T], id_of: Callable[[T], str], problems: list[Problem]
) -> dict[str, T]:
    """What several files hold, by id. What is wrong with any of them is added to `problems`."""
    found: dict[str, T] = {}
    for path in paths:
        with gathered(problems):
            one = reading(content_of(path), str(path))
            if id_of(one) in found:
                problems.append(Problem(f"Another file has the id `{id_of(one)}` already.", file=str(path)))
            found.setdefault(id_of(one), one)
    return found


def _problems(error: ValidationError, root: Any, file: str) -> Iterator[Problem]:
    for one in error.errors(include_url=False):
        node, at, name = _place(root, one["loc"])
        if one["type"] == "missing" and node is None:
            continue  # It is there and empty, which has been noted.
        message, suggestion = _said(one, name)
        yield Problem(message, at, suggestion, file=file)


def _place(node: Any, path: tuple[int | str, ...]) -> tuple[Any, Position, str]:
    """What pydantic's path leads to, its place, and the last name on the path.

    Steps that name a branch of a union are none of the file's; `[key]` says that the key itself is meant.
    """
    at, name = getattr(node, "at", START), ""
    at_key = at
    for step in path:
        if step == "[key]":
            return node, at_key, name
        if isinstance(node, Fields):
            name = str(step) if step in node or step == path[-1] else name
            if step in node:
                at, at_key, node = node.places[step], node.keys_at[step], node[step]
        elif isinstance(node, Items) and isinstance(step, int):
            at, node = node.places[step], node[step]
    return node, at, name


def _said(error: ErrorDetails, name: str) -> tuple[str, str | None]:
    """Pydantic's words in ours."""
    value, context, said = error["input"], error.get("ctx", {}), error["msg"]
    match error["type"]:
        case "fault":
            return context["said"], context["suggestion"]
        case "value_error":
            return str(context["error"]), None
        case "too_short":
            return f"`{name}` needs at least {context['min_length']}.", None
        case "missing":
            return f"`{name}` is missing.", None
        case "literal_error":
            choices = findall(r"'([^']*)'", context["expected"])
            said = f"`{name}` is never {_shown(value)}: it is one of {', '.join(choices)}."
            return said, did_you_mean(value, choices)
        case "string_type" if isinstance(value, int | float):
            return f"`{name}` must be text, not {_shown(value)}.", f'Write "{value}" in quotes.'
        case kind if kind in _KINDS:
            return f"`{name}` must be {_KINDS[kind]}, not {_shown(value)}.", None
        case _:
            return f"`{name}` {said[said.index('should') :]}, not {_shown(value)}.", None


_KINDS: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "union_tag_invalid": "text or a mapping",
}


def _shown(value: Any) -> str:
    if isinstance(value, Fields | Items):
        return "a mapping" if isinstance(value, Fields) else "a list"
    if value is None or isinstance(value, bool):
        return "an empty value" if value is None else str(value).lower()
    return f"`{str(value)[:60]}`"
