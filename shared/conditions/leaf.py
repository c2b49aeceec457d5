r"""One leaf of a condition from its text, read from left to right and checked as it is read.

    leaf    = [days_since | days_until] FACT [test]              a fact alone has to be true
    test    = (< | <= | > | >= | == | !=) literal | contains literal
            | [not] in "[" literal {"," literal} "]" | is (known | unknown)
    literal = date or instant | number [unit] | true | false | "text" | 'text' | a bare word

A number ends at a blank, a comma, a bracket, a percent sign or a unit; what goes on (3m-corp, 1.2.3) is text. `all`,
`any` and `not` are YAML structure, not text.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NoReturn, cast

from shared.conditions.catalogue import FactSpec
from shared.conditions.errors import Position, did_you_mean
from shared.conditions.scope import Scope
from shared.conditions.tree import Compare, Contains, Known, Leaf, Member, Operand, Sign, Test

_SUBJECT: Final = re.compile(r"(?:(days_since|days_until)(?![\w.])\s*)?([A-Za-z_][\w-]*(?:\.[\w-]+)*)")
_OPERATOR: Final = re.compile(r"<=|>=|==|!=|<|>|(?:is|in|not|contains)(?![\w.-])")
_LITERAL: Final = re.compile(
    r"""(?P<instant>\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d))?)(?=$|[\s,\]])
      | (?P<number>[+-]?\d+(\.\d+)?)(?=$|[\s,\]%]|[A-Za-z]+(?=$|[\s,\]]))\s*(?P<unit>%|[A-Za-z]+([ \t]+[A-Za-z]+)*)?
      | (?P<boolean>true|false)(?=$|[\s,\]])
      | "(?P<double>([^"\\]|\\.)*)" | '(?P<single>[^']*)'
      | (?P<bare>[^\s,\[\]"'<>=!%]+)""",
    re.VERBOSE,
)
_OPERATORS: Final = ("<", "<=", ">", ">=", "==", "!=", "in", "not in", "contains", "is known", "is unknown")
_MEANT: Final = {"=": "==", "=<": "<=", "=>": ">=", "<>": "!=", "is": "==", "has": "contains"}
_QUOTES: Final = "Put text of several words in quotes."

_A: Final = {
    "number": "a number",
    "text": "text",
    "boolean": "true or false",
    "instant": "an instant",
    "list": "a list",
}
_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MOST_DIGITS: Final = 24
_ALSO: Final = {"percent": "%", "business days": "working days", "business day": "working days"}


class Wrong(Exception):
    """A node of a condition makes no sense; of a leaf, the column counts from 1 in its text."""

    def __init__(self, message: str, column: int = 1, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal as it was written: `kind` is number, text, boolean or instant."""

    kind: str
    text: str
    column: int
    unit: str | None = None


def read_leaf(text: str, scope: Scope, at: Position) -> Leaf:
    """The leaf with its fact, and its literals in the fact's unit. Raises `Wrong`."""
    if not text.strip():
        raise Wrong("The condition is empty.", suggestion="For example `usage.breadth < 40 %`.")
    reader = _Reader(text)
    function, name = (
        reader.take(_SUBJECT) or reader.expected("the name of a fact", "For example `usage.breadth`.")
    ).groups()
    column = reader.end - len(name) + 1
    spec = scope.facts.get(name)
    if spec is None:
        message, suggestion = scope.missing(name)
        raise Wrong(message, column, suggestion)
    if function is not None:
        if spec.type != "instant":
            raise Wrong(f"`{function}` needs an instant; `{name}` is {_A[spec.type]}.", column)
        spec = spec.days("since" if function == "days_since" else "until")
    leaf = Leaf(spec, _test(reader, spec, column), at)
    if not reader.is_done:
        reader.expected("the end of the condition", _QUOTES)
    return leaf


class _Reader:
    """A text that is read from left to right; blanks between its parts mean nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        """Where what was taken last ends."""

    @property
    def start(self) -> int:
        """Where what comes next begins."""
        return len(self.text) - len(self.text[self.end :].lstrip())

    @property
    def is_done(self) -> bool:
        """True when only blanks are left."""
        return self.start == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What comes next, when it is this."""
        found = pattern.match(self.text, self.start)
        self.end = found.end() if found else self.end
        return found

    def expected(self, what: str, hint: str | None = None) -> NoReturn:
        """Say what should have come next."""
        rest = self.text[self.start :].split()
        found, column = (f"not `{rest[0]}`", self.start) if rest else ("but it ends", len(self.text.rstrip()))
        raise Wrong(f"Expected {what} here, {found}.", column + 1, hint)

    def literal(self) -> Literal:
        """A value."""
        found = self.take(_LITERAL)
        if found is None:
            self.expected("a value", None if self.is_done else "Put text with blanks, brackets or signs in quotes.")
        column, double = found.start() + 1, found["double"]
        for kind in ("instant", "number", "boolean"):
            if found[kind] is not None:
                return Literal(kind, found[kind], column, " ".join((found["unit"] or "").lower().split()) or None)
        if double is not None:
            return Literal("text", double.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\"), column)
        return Literal("text", found["bare"] or found["single"] or "", column)

    def many(self) -> tuple[Literal, ...]:
        """Several values in brackets."""
        if self.take(re.compile(r"\[")) is None:
            self.expected("a list such as [pro, enterprise]")
        found = [self.literal()]
        while self.take(re.compile(",")):
            found.append(self.literal())
        if self.take(re.compile(r"\]")) is None:
            self.expected("`,` or `]`", _QUOTES)
        return tuple(found)

    def hint(self) -> str:
        """Which operator may have been meant: `=`, `=>` and the like have one meaning only."""
        rest = self.text[self.start :].split()
        if rest and rest[0] in _MEANT:
            return f"Did you mean `{_MEANT[rest[0]]}`?"
        near = did_you_mean(" ".join(rest[:2]), _OPERATORS) or did_you_mean("".join(rest[:1]), _OPERATORS)
        return near or f"There are {', '.join(_OPERATORS)}."


def _test(reader: _Reader, spec: FactSpec, column: int) -> Test:
    is_a = f"`{spec.name}` is {_A[spec.type]}"
    if reader.is_done:
        if spec.type == "boolean":
            return Compare("==", True)
        raise Wrong(f"{is_a}: say what it is compared with.", column)
    found = reader.take(_OPERATOR)
    operator = found[0] if found else reader.expected("an operator", reader.hint())
    if operator == "is":
        known = reader.take(re.compile("(?:known|unknown)(?![\\w.-])"))
        return Known((known or reader.expected("`known` or `unknown`"))[0] == "known")
    if operator == "contains":
        if spec.type not in ("list", "text"):
            raise Wrong(f"`contains` looks into text and lists; {is_a}.", column)
        return Contains(_text(reader.literal(), f"What `{spec.name}` contains"))
    is_wanted = operator != "not"
    if not is_wanted and reader.take(re.compile("in(?![\\w.-])")) is None:
        reader.expected("`in` after `not`", "For example `account.plan not in [pro]`.")
    is_list = operator in ("in", "not")
    fits = {
        "number": True,
        "instant": True,
        "text": is_list or operator in ("==", "!="),
        "boolean": operator in ("==", "!="),
    }
    if not fits.get(spec.type, False):
        use = {"list": "contains", "text": "== or in", "boolean": "== true"}[spec.type]
        raise Wrong(f"{is_a}, which has no `{'not in' if operator == 'not' else operator}`.", column, f"Use `{use}`.")
    if is_list:
        return Member(tuple(_operand(one, spec) for one in reader.many()), is_wanted)
    return Compare(cast(Sign, operator), _operand(reader.literal(), spec))


def _operand(literal: Literal, spec: FactSpec) -> Operand:
    if spec.type == "text":
        return _choice(_text(literal, f"`{spec.name}`"), literal, spec)
    if spec.type != literal.kind:
        suggestion = None
        if spec.type == "instant":
            suggestion = "Write a date such as 2026-03-01, or 2026-03-01T09:00:00Z with its zone."
            if literal.kind == "number":
                suggestion = f"For a span of time use `days_since {spec.name}` or `days_until {spec.name}`."
        is_a = _A[spec.type] + (f" ({spec.unit})" if spec.unit else "")
        message = f"`{spec.name}` is {is_a} and `{literal.text}` is {_A[literal.kind]}."
        raise Wrong(message, literal.column, suggestion)
    if spec.type == "number":
        return _number(literal, spec)
    return literal.text == "true" if spec.type == "boolean" else _instant(literal)


def _text(literal: Literal, said: str) -> str:
    if literal.kind == "text":
        return literal.text
    shown = literal.text + (f" {literal.unit}" if literal.unit else "")
    message = f"{said} is text and `{shown}` is {_A[literal.kind]}."
    raise Wrong(message, literal.column, f'Write "{shown}" in quotes.')


def _choice(text: str, literal: Literal, spec: FactSpec) -> str:
    if spec.choices and text not in spec.choices:
        message = f"`{spec.name}` is never `{text}`: it is one of {', '.join(spec.choices)}."
        raise Wrong(message, literal.column, did_you_mean(text, spec.choices))
    return text


def _instant(literal: Literal) -> datetime:
    try:
        read = datetime.fromisoformat(literal.text.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"There is no such time as `{literal.text}`.", literal.column) from None


def _number(literal: Literal, spec: FactSpec) -> int | float | Fraction:
    """The literal in the fact's unit: of a linear fact exact microseconds, which is what the flip instant needs."""
    if len(literal.text) > _MOST_DIGITS:
        raise Wrong("No number here is that long.", literal.column)
    number, unit = Fraction(literal.text), literal.unit or spec.unit
    if spec.unit in ("days", "hours") and unit in _SECONDS:
        number *= _SECONDS[unit]
        number = number * 1_000_000 if spec.linear_of else number / _SECONDS[spec.unit]
    elif _ALSO.get(unit, unit) not in (spec.unit, spec.unit.removesuffix("s")):
        counted = f"is in {spec.unit}" if spec.unit else "has no unit"
        hint = f"Did you mean `{literal.text} {spec.unit}`?" if spec.unit else f"Write `{literal.text}`."
        raise Wrong(f"`{spec.name}` {counted}; `{literal.unit}` is another unit.", literal.column, hint)
    if number.denominator == 1:
        return number.numerator
    return number if spec.linear_of else float(number)
