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
from functools import lru_cache
from typing import Any, Final

from jinja2 import Template, TemplateError, nodes

from shared.conditions import Facts, Scope, Value, did_you_mean
from shared.files.sandbox import (
    FILTERS,
    MOST_ITEMS,
    MOST_LETTERS,
    TONGUE,
    UNKNOWN,
    Environment,
    Hole,
    Unwritable,
    as_written,
)
from shared.files.tongues import Tongue
from shared.words import clean, clean_lines, date_words, rounded

_LOG = logging.getLogger(__name__)
_LONGEST: Final = 500
_LONGEST_LETTER: Final = 4_000
_LARGEST: Final = 1_000
_MOST_IN_LOOP: Final = 5
_FAILURES: Final = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)
_BLOCKS: Final = re.compile(r"\{[%#].*[%#]\}", re.DOTALL)
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)

_NODES: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Const, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr),
    *(nodes.For, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Concat),
)
_OF_FACTS: Final = ("d", "default", "money")
"""What may be given other facts."""

_LOOP: Final = ("first", "index", "index0", "last", "length", "revindex")


_ENVIRONMENT: Final = Environment()
_FOR_CUSTOMERS: Final = Environment(Hole, as_written)


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
        text = ""
        for piece in template.generate({**_variables(names, facts, now, tongue.date), TONGUE: tongue}):
            text += piece
            if len(text) > _LONGEST_LETTER:
                raise Unwritable(f"filled in, it is longer than {_LONGEST_LETTER:,} letters")
    except _FAILURES as error:
        raise Unwritable(f"its text can't be filled in: {clean(str(error), _LONGEST)}") from None
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
        if len(text) > MOST_LETTERS:
            break
    return text


def _filled_or_unknown(source: str, facts: Facts, now: datetime) -> str:
    try:
        return _filled(source, facts, now)
    except _FAILURES:
        return UNKNOWN


@lru_cache(maxsize=512)
def _compiled(source: str, environment: Environment = _ENVIRONMENT) -> tuple[Template, tuple[str, ...]]:
    """A text ready to be filled in, and the facts that it reads. Raises `TemplateError` for what isn't listed."""
    if len(source) > MOST_LETTERS:
        raise TemplateError(f"it is longer than {MOST_LETTERS:,} letters")
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
        case nodes.Filter(name=name) if name not in FILTERS:
            return f"there is no filter `{name}`. {did_you_mean(name, FILTERS) or 'There are ' + ', '.join(FILTERS)}"
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
        return value[:MOST_LETTERS]
    return [str(one)[:MOST_LETTERS] for one in value[:MOST_ITEMS]] if isinstance(value, tuple) else value
