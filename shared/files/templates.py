"""Texts with facts in them: a small part of Jinja2 in its sandbox, checked when a file is read, bounded when filled in.

What a text may have is listed here, node by node and filter by filter: facts, sums, comparisons, `if`, and one `for`
over a list of facts. Nothing of it can grow much faster than the text is long: nothing is called, named or repeated, no
text is multiplied or formatted, loops don't nest and have few filters, and what is added or filtered is cut. So filling
in needs no clock to stop it, and no file can hold up a worker or fill its memory.

A text for one of us says `unknown` where a fact is not known. One for a customer (`written`) is in their language, with
dates, numbers and money as they are written there, and is not written at all where it would have such a hole.
"""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, Final

from jinja2 import ChainableUndefined, Template, TemplateError, nodes, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.conditions import Facts, Scope, Value, did_you_mean
from shared.files.tongues import Tongue
from shared.words import clean, clean_lines, date_words, money, rounded

_LOG = logging.getLogger(__name__)
_LONGEST: Final = 500
_MOST_LETTERS: Final = 2_000
_MOST_ITEMS: Final = 100
_LARGEST: Final = 1_000
_MOST_IN_LOOP: Final = 5
_FAILURES: Final = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)
_UNKNOWN: Final = "unknown"
_BLOCKS: Final = re.compile(r"\{[%#].*[%#]\}", re.DOTALL)
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Const, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr),
    *(nodes.For, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Concat),
)
_FILTERS: Final = (
    *("abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower"),
    *("max", "min", "replace", "reverse", "round", "sort", "string", "sum", "title", "trim", "truncate", "unique"),
    *("upper", "wordcount", "money"),
)
_OF_FACTS: Final = ("d", "default", "money")
"""What may be given other facts."""
_TONGUE: Final = "_tongue"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_LOOP: Final = ("first", "index", "index0", "last", "length", "revindex")


class _Unknown(ChainableUndefined):
    """A fact that is not known says so, whatever is reckoned with it; compared with anything it is false."""

    def __str__(self) -> str:
        return _UNKNOWN

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


class _Hole(_Unknown):
    """A fact that is not known, in a text for a customer: it can be asked for, and have something in its place."""

    def __str__(self) -> str:
        raise Unwritable(f"what it says of {self._undefined_name or 'a list'} is not known")


@pass_context
def _money(context: Any, minor: Any, currency: Any = "") -> Any:
    """Minor units of a currency, as they are written where the text is read."""
    if isinstance(minor, _Unknown) or isinstance(currency, _Unknown):
        return minor if isinstance(minor, _Unknown) else currency
    if not isinstance(minor, int | float) or not _CURRENCY.fullmatch(str(currency)):
        raise TypeError("Money is minor units and a currency.")
    tongue = context.get(_TONGUE)
    return money(int(minor), str(currency)) if tongue is None else tongue.money(int(minor), str(currency))


@pass_context
def _number(context: Any, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return context[_TONGUE].number(value) if is_number else value


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2 without what could grow. Plain text comes out of it; each channel escapes in its own way."""

    intercepted_binops = frozenset("*+")

    def __init__(self, undefined: type[_Unknown] = _Unknown, finalize: Callable[..., Any] | None = None) -> None:
        super().__init__(undefined=undefined, finalize=finalize, autoescape=False, optimized=False)
        self.globals.clear()
        self.filters["money"] = _money
        self.filters = {name: _cut(self.filters[name]) for name in _FILTERS}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 (Jinja's)
        """Add what is alike; multiply numbers, and nothing else."""
        if operator == "+":
            return _bounded(left + right)
        if not all(isinstance(one, int | float | _Unknown) for one in (left, right)):
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
        return value[:_MOST_LETTERS]
    return value[:_MOST_ITEMS] if isinstance(value, list | tuple) else value


_ENVIRONMENT: Final = _Environment()
_FOR_CUSTOMERS: Final = _Environment(_Hole, _number)


def problems_of(source: str, scope: Scope) -> Iterator[tuple[str, str | None]]:
    """What is wrong with a text, each with what may have been meant."""
    try:
        _compiled(source)
    except TemplateError as error:
        yield f"The text can't be filled in: {str(error.message).rstrip('.')}.", None
        return
    tree = _ENVIRONMENT.parse(source)
    for name in _facts_of(tree):
        if name not in scope.facts:
            yield scope.missing(name)
    for loop in tree.find_all(nodes.For):
        over = scope.facts.get(_dotted(loop.iter) or "")
        if over is None or over.type != "list":
            yield "A loop goes over a fact that is a list.", "For example `for one in usage.unused_features`."


def names_in(source: str) -> tuple[str, ...]:
    """The facts that a text reads, which is known to be right."""
    return _compiled(source)[1]


def render(source: str, facts: Facts, now: datetime) -> str:
    """Fill a text in, as one line. What can't be is said to be unknown: a message with holes beats none."""
    text = _filled_somehow(source, facts, now)
    return clean(text, _LONGEST) or clean(f"Look at {facts.get('account.name', now) or 'the account'}", _LONGEST)


def render_lines(source: str, facts: Facts, now: datetime) -> str:
    """Fill a text of several lines in, such as a letter, which keeps them."""
    return "\n".join(clean_lines(_filled_somehow(source, facts, now))).strip()


def written(source: str, facts: Facts, now: datetime, tongue: Tongue) -> str:
    """Fill a text in that a customer reads, in their language. Raises `Unwritable`: they get none with holes."""
    try:
        template, names = _compiled(source, _FOR_CUSTOMERS)
        text = "".join(template.generate({**_variables(names, facts, now, tongue.date), _TONGUE: tongue}))
    except _FAILURES as error:
        raise Unwritable(f"its text can't be filled in: {clean(str(error), _LONGEST)}") from None
    if len(text) > 2 * _MOST_LETTERS:
        raise Unwritable(f"filled in, it is longer than {2 * _MOST_LETTERS:,} letters")
    return "\n".join(clean_lines(text)).strip()


def _filled_somehow(source: str, facts: Facts, now: datetime) -> str:
    try:
        return _filled(source, facts, now)
    except _FAILURES as error:
        _LOG.warning("A text could not be filled in (%s): %s", error, source)
        return _EXPRESSION.sub(lambda one: _filled_or_unknown(one[0], facts, now), _BLOCKS.sub("", source))


def _filled(source: str, facts: Facts, now: datetime) -> str:
    template, names = _compiled(source)
    text = ""
    for piece in template.generate(_variables(names, facts, now)):
        text += piece
        if len(text) > _MOST_LETTERS:
            break
    return text


def _filled_or_unknown(source: str, facts: Facts, now: datetime) -> str:
    try:
        return _filled(source, facts, now)
    except _FAILURES:
        return _UNKNOWN


@lru_cache(maxsize=512)
def _compiled(source: str, environment: _Environment = _ENVIRONMENT) -> tuple[Template, tuple[str, ...]]:
    """A text ready to be filled in, and the facts that it reads. Raises `TemplateError` for what isn't listed."""
    if len(source) > _MOST_LETTERS:
        raise TemplateError(f"it is longer than {_MOST_LETTERS:,} letters")
    try:
        tree = environment.parse(source)
        for node in tree.find_all(nodes.Node):
            if said := _wrong_with(node):
                raise TemplateError(said)
        return environment.from_string(tree), _facts_of(tree)
    except (RecursionError, SyntaxError, ValueError, MemoryError):
        # Jinja's parser and Python's compiler, of what nobody writes.
        raise TemplateError("it is nested too deeply, or has too long a number") from None


def _wrong_with(node: nodes.Node) -> str | None:
    """Why a text can't have this; None where it can."""
    match node:
        case nodes.Filter(name=name) if name not in _FILTERS:
            return f"there is no filter `{name}`. {did_you_mean(name, _FILTERS) or 'There are ' + ', '.join(_FILTERS)}"
        case nodes.Filter() if not _is_bounded(node):
            return f"`{node.name}` is given text or numbers up to {_LARGEST:,}, as they are"
        case nodes.Mul(left=left, right=right) if any(map(_is_no_number, (left, right))):
            return "only numbers can be multiplied"
        case nodes.Getattr() if _dotted(node) is None:
            return f"`.{node.attr}` goes with the name of a fact"
        case nodes.For() if node.recursive or any(node.find_all(nodes.For)):
            return "a loop has no loop inside"
        case nodes.For() if len(list(node.find_all(nodes.Filter))) > _MOST_IN_LOOP:
            return f"a loop has at most {_MOST_IN_LOOP} filters inside"
        case nodes.For(target=target) if not isinstance(target, nodes.Name):
            return "a loop has one name for each item"
    if isinstance(node, _NODES):
        return None
    return f"a text has no {type(node).__name__.lower()}. Write facts, filters, if, and for over a list"


def _is_no_number(node: nodes.Node) -> bool:
    return isinstance(node, nodes.List | nodes.Tuple) or isinstance(getattr(node, "value", None), str)


def _is_bounded(filter: nodes.Filter) -> bool:
    """What it is given stands there: only `default` and `money` may be given another fact."""
    if filter.dyn_args is not None or filter.dyn_kwargs is not None:
        return False
    given = [*filter.args, *(one.value for one in filter.kwargs)]
    if filter.name in _OF_FACTS:
        return all(isinstance(one, nodes.Const) or _dotted(one) for one in given)
    constants = [one.value for one in given if isinstance(one, nodes.Const)]
    return len(constants) == len(given) and all(isinstance(one, str) or one <= _LARGEST for one in constants)


def _facts_of(tree: nodes.Template) -> tuple[str, ...]:
    """The dotted names that a text reads, such as `usage.unused_features`; not those that its loops give."""
    bound = {one.name for one in tree.find_all(nodes.Name) if one.ctx == "store"}
    own = bound | {f"loop.{name}" for name in _LOOP if bound}
    inner = {id(node.node) for node in tree.find_all(nodes.Getattr)}
    found = [_dotted(node) for node in tree.find_all((nodes.Getattr, nodes.Name)) if id(node) not in inner]
    return tuple(name for name in dict.fromkeys(found) if name is not None and name not in own)


def _dotted(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before = _dotted(node.node)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _variables(
    names: tuple[str, ...], facts: Facts, now: datetime, dated: Callable[[datetime], str] = date_words
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for name in names:
        value = facts.get(name, now)
        if value is None:
            continue
        *path, last = name.split(".")
        inside: Any = variables
        for part in path:
            inside = inside.setdefault(part, {}) if isinstance(inside, dict) else None
        if not isinstance(inside, dict) or isinstance(inside.get(last), dict):
            # Such as `usage.limit.exports` and its `.pace`: each is filled in by itself.
            raise TemplateError(f"`{name}` and another fact are a part of each other")
        inside[last] = _shown(value, dated)
    return variables


def _shown(value: Value, dated: Callable[[datetime], str]) -> Any:
    if isinstance(value, datetime):
        return dated(value)
    if isinstance(value, float):
        # Nobody speaks of 97.1 %; of 2.5 tickets they do.
        shown = rounded(value)
        return int(shown) if shown.is_integer() else shown
    if isinstance(value, str):
        return value[:_MOST_LETTERS]
    return [str(one)[:_MOST_LETTERS] for one in value[:_MOST_ITEMS]] if isinstance(value, tuple) else value
