"""Turns msgspec's validation errors into sentences: what was wrong, where, and what to do."""

import re
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from shared.conditions.errors import nearest

_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "an RFC 3339 time",
}
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.+)`)?$", re.DOTALL)
_GOT: Final = re.compile(r"^Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`$")
_BOUND: Final = re.compile(r"^Expected `[^`]+`(?P<length> of length)? (?P<op>[<>]=?) (?P<bound>.+)$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")
_OPS: Final = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}


def about_data(error: Exception, type: str, struct: Any) -> str:
    """A sentence about an event's data that doesn't fit its type."""
    found = _AT.match(str(error))
    assert found
    what, path = found["what"], found["path"] or "$"
    where = "data" + path.removeprefix("$").replace("[...]", "")
    if missing := _MISSING.match(what):
        return f"{where}.{missing['field']} is missing; {type} needs it."
    if got := _GOT.match(what):
        wanted = " or ".join(_WORDS.get(name, name) for name in got["wanted"].split(" | "))
        return f"{where} must be {wanted}, not {_WORDS.get(got['got'], got['got'])}."
    if bound := _BOUND.match(what):
        unit = " characters long" if bound["length"] else ""
        return f"{where} must be {_OPS[bound['op']]} {bound['bound']}{unit}."
    if "matching regex '^[A-Z]{3}$'" in what:
        return f"{where} must be an ISO 4217 code such as EUR, in capital letters."
    if what.startswith("Invalid enum value") and (allowed := _allowed(struct, path)):
        given = what.removeprefix("Invalid enum value ")
        near = nearest(given.strip("'"), allowed)
        hint = f" Did you mean '{near}'?" if near else ""
        return f"{where} is {given}, and must be one of {', '.join(allowed)}.{hint}"
    if "datetime" in what:
        return f"{where} must be an RFC 3339 time with a zone, such as 2026-05-20T09:30:00Z."
    return f"{where}: {what[:1].lower()}{what[1:]}."


def _allowed(struct: Any, path: str) -> list[str]:
    field = path.removeprefix("$.")
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        return []
    hint = get_type_hints(struct).get(field)
    return [str(value) for one in (hint, *get_args(hint)) if get_origin(one) is Literal for value in get_args(one)]
