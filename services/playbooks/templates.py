"""The texts of steps: Jinja2 in its sandbox, whose variables are facts, checked when a playbook is loaded."""

import logging
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from jinja2 import ChainableUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.conditions import Facts, Scope, Value
from shared.words import clean, date_words, rounded

_LOG = logging.getLogger(__name__)
_LONGEST: Final = 500
_FAILURES: Final = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError)


_UNKNOWN: Final = "unknown"
_BLOCKS: Final = re.compile(r"\{[%#].*[%#]\}", re.DOTALL)
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class _Unknown(ChainableUndefined):
    """A fact that is not known says so, whatever is reckoned with it; compared with anything it is false."""

    def __str__(self) -> str:
        return _UNKNOWN

    def _itself(self, *_: object) -> Any:
        return self

    def _no(self, *_: object) -> Any:
        return False

    __abs__ = __round__ = __ceil__ = __floor__ = __neg__ = __pos__ = _itself
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _itself
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _itself
    __lt__ = __le__ = __gt__ = __ge__ = _no


# Plain text comes out of it; each channel escapes in its own way.
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(undefined=_Unknown, autoescape=False)


def problems_of(source: str, scope: Scope) -> Iterator[tuple[str, str | None]]:
    """What is wrong with a template, each with what may have been meant."""
    try:
        names = _facts_of(source)
    except TemplateSyntaxError as error:
        yield f"The text can't be filled in: {(error.message or '').rstrip('.')}.", None
        return
    for name in names:
        if name not in scope.facts:
            yield scope.missing(name)


def render(source: str, facts: Facts, now: datetime) -> str:
    """Fill a template in. What can't be is said to be unknown: a message with holes beats none."""
    try:
        text = _filled(source, facts, now)
    except _FAILURES as error:
        _LOG.warning("A step's text could not be filled in (%s): %s", error, source)
        text = _EXPRESSION.sub(lambda one: _filled_or_unknown(one[0], facts, now), _BLOCKS.sub("", source))
    return clean(text, _LONGEST) or f"Look at {clean(str(facts.get('account.name', now) or 'the account'), _LONGEST)}"


def _filled(source: str, facts: Facts, now: datetime) -> str:
    template, names = _compiled(source)
    return template.render(_variables(names, facts, now))


def _filled_or_unknown(source: str, facts: Facts, now: datetime) -> str:
    try:
        return _filled(source, facts, now)
    except _FAILURES:
        return _UNKNOWN


@lru_cache(maxsize=512)
def _compiled(source: str) -> tuple[Template, tuple[str, ...]]:
    return _ENVIRONMENT.from_string(source), _facts_of(source)


def _facts_of(source: str) -> tuple[str, ...]:
    """The dotted names that a template reads, such as `usage.unused_features`."""
    tree = _ENVIRONMENT.parse(source)
    free = meta.find_undeclared_variables(tree)
    inner = {id(node.node) for node in tree.find_all(nodes.Getattr)}
    found = [_dotted(node) for node in tree.find_all((nodes.Getattr, nodes.Name)) if id(node) not in inner]
    return tuple(dict.fromkeys(name for name in found if name is not None and name.partition(".")[0] in free))


def _dotted(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before = _dotted(node.node)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _variables(names: tuple[str, ...], facts: Facts, now: datetime) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for name in names:
        value = facts.get(name, now)
        if value is None:
            continue
        *path, last = name.split(".")
        inside = variables
        for part in path:
            inside = inside.setdefault(part, {})
        inside[last] = _shown(value)
    return variables


def _shown(value: Value) -> Any:
    if isinstance(value, datetime):
        return date_words(value)
    if isinstance(value, float):
        # Nobody speaks of 97.1 %; of 2.5 tickets they do.
        shown = rounded(value)
        return int(shown) if shown.is_integer() else shown
    return list(value) if isinstance(value, tuple) else value
