"""The part of Jinja2 in which texts are filled in: nothing in it can grow, and what is not known says so."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from jinja2 import ChainableUndefined, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.words import money

MOST_LETTERS: Final = 2_000
MOST_ITEMS: Final = 100
UNKNOWN: Final = "unknown"
FILTERS: Final = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower"),
    *("max", "min", "replace", "reverse", "round", "sort", "string", "sum", "title", "trim", "truncate", "unique"),
    *("upper", "wordcount", "money"),
)
TONGUE: Final = "_tongue"
"""The variable that holds the language of a text for a customer."""
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class Unknown(ChainableUndefined):
    """A fact that is not known says so, whatever is reckoned with it; compared with anything it is false."""

    def __str__(self) -> str:
        return UNKNOWN

    def _itself(self, *_: object) -> Any:
        return self

    def _no(self, *_: object) -> Any:
        return False

    __abs__ = __round__ = __ceil__ = __floor__ = __neg__ = __pos__ = _itself
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _itself
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _itself
    __lt__ = __le__ = __gt__ = __ge__ = _no


class Unwritable(Exception):
    """A text for a customer can't be written: the words say why."""


class Hole(Unknown):
    """A fact that is not known, in a text for a customer: it can be asked for, and have something in its place."""

    def __getattr__(self, name: str) -> Any:
        """The fact whose name goes on so: `account` is not known either, where nothing of it is."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Hole(name=f"{self._undefined_name}.{name}") if self._undefined_name else self

    def __str__(self) -> str:
        raise Unwritable(f"what it says of {self._undefined_name or 'a list'} is not known")


@pass_context
def _money(context: Any, minor: Any, currency: Any = "") -> Any:
    """Minor units of a currency, as they are written where the text is read."""
    if isinstance(minor, Unknown) or isinstance(currency, Unknown):
        return minor if isinstance(minor, Unknown) else currency
    if not isinstance(minor, int | float) or not _CURRENCY.fullmatch(str(currency)):
        raise TypeError("Money is minor units and a currency.")
    tongue = context.get(TONGUE)
    return money(int(minor), str(currency)) if tongue is None else tongue.money(int(minor), str(currency))


@pass_context
def as_written(context: Any, value: Any) -> Any:
    """A number as it is written where the text is read."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return context[TONGUE].number(value) if is_number else value


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2 without what could grow. Plain text comes out of it; each channel escapes in its own way."""

    intercepted_binops = frozenset("*+")

    def __init__(self, undefined: type[Unknown] = Unknown, finalize: Callable[..., Any] | None = None) -> None:
        super().__init__(undefined=undefined, finalize=finalize, autoescape=False, optimized=False)
        self.globals.clear()
        self.filters["money"] = _money
        self.filters = {name: _cut(self.filters[name]) for name in FILTERS}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 (Jinja's)
        """Add what is alike; multiply numbers, and nothing else."""
        if operator == "+":
            return _bounded(left + right)
        if not all(isinstance(one, int | float | Unknown) for one in (left, right)):
            raise TypeError("Only numbers can be multiplied.")
        return left * right


def _cut(filter: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(filter)
    def cut(*values: Any, **options: Any) -> Any:
        return _bounded(filter(*map(_bounded, values), **options))

    return cut


def _bounded(value: Any) -> Any:
    """As much of a value as anybody reads."""
    if isinstance(value, str):
        return value[:MOST_LETTERS]
    return value[:MOST_ITEMS] if isinstance(value, list | tuple) else value
