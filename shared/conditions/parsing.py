"""From YAML nodes and text to a checked tree: a list means all, a text is a leaf, a mapping is all, any or not."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from shared.conditions.checking import Literal, Written, Wrong, check_leaf
from shared.conditions.errors import START, Position, Problem, Refused, did_you_mean
from shared.conditions.scope import Scope
from shared.conditions.tree import AllOf, AnyOf, Condition, Not

MAX_LEAVES: Final = 200
MAX_DEPTH: Final = 20
MAX_LEAF: Final = 1_000
"""Far more than anyone can read."""


def parse(node: Any, scope: Scope | None = None, at: Position = START) -> Condition:
    """Read and check a condition: text, a list, or a mapping of `all`, `any` or `not`, plain or from a file.

    `scope` says what may be named besides the catalogue. Nodes of `shared.files` know where they stand (`at`); of what
    doesn't, `at` is the place. Raises `Refused` with every problem.
    """
    reader = _Reader(scope or Scope())
    condition = reader.read(node, at, 1)
    if reader.problems or condition is None:
        raise Refused(reader.problems)
    return condition


class _Reader:
    """Walks the nodes and collects what is wrong with them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems: list[Problem] = []
        self.leaves = 0

    def read(self, node: Any, at: Position, depth: int) -> Condition | None:
        """A node's condition; None, with what is wrong taken down, when it has none. `at` is its parent's place."""
        at = getattr(node, "at", at)
        try:
            if depth > MAX_DEPTH or self.leaves >= MAX_LEAVES:
                raise Wrong(f"The condition is too large: at most {MAX_LEAVES} leaves, {MAX_DEPTH} levels deep.")
            if isinstance(node, str):
                self.leaves += 1
                if len(node) > MAX_LEAF:
                    raise Wrong(f"This is too long for one comparison: at most {MAX_LEAF} letters.")
                return check_leaf(_read_leaf(node), self.scope, at)
            if isinstance(node, list | tuple):
                parts = self._parts(node, at, depth)
                return parts[0] if parts and len(parts) == 1 else AllOf(parts) if parts else None
            if isinstance(node, Mapping):
                return self._branch(node, at, depth)
            raise Wrong(f"A condition is text, a list, or all, any, not; this is {node!r}.")
        except Wrong as wrong:
            self._take_down(wrong, node, at)
            return None

    def _take_down(self, wrong: Wrong, node: Any, at: Position) -> None:
        if isinstance(node, str) and "\n" not in node:  # Text over several lines says nothing about columns in a file.
            at = getattr(node, "begins", at).right(wrong.column - 1)
        snippet = node.strip()[:MAX_LEAF] if isinstance(node, str) else ""
        self.problems.append(Problem(str(wrong), at, wrong.suggestion, snippet))

    def _branch(self, node: Mapping[Any, Any], at: Position, depth: int) -> Condition | None:
        if len(node) != 1:
            raise Wrong("Write one of all, any, not here; for several, make a list of them.")
        key, value = next(iter(node.items()))
        if key == "not":
            part = self.read(value, at, depth + 1)
            return None if part is None else Not(part)
        if key not in ("all", "any"):
            hint = did_you_mean(key, ("all", "any", "not")) or "To YAML `: ` makes a mapping: put the leaf in quotes."
            raise Wrong(f"A condition has all, any or not; not `{str(key)[:60]}`.", suggestion=hint)
        if not isinstance(value, list | tuple):
            raise Wrong(f"`{key}` needs a list.")
        parts = self._parts(value, at, depth)
        return (AllOf if key == "all" else AnyOf)(parts) if parts else None

    def _parts(self, nodes: Any, at: Position, depth: int) -> tuple[Condition, ...] | None:
        if not nodes:
            raise Wrong("The list is empty: write a condition, or leave it out.")
        parts: list[Condition | None] = []
        for node, place in zip(nodes, getattr(nodes, "places", [at] * len(nodes)), strict=True):
            before = self.leaves
            parts.append(self.read(node, place, depth + 1))
            if before >= MAX_LEAVES:
                break
        read = tuple(part for part in parts if part is not None)
        return read if len(read) == len(nodes) else None


@cache
def _grammar() -> Lark:
    text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=True)


def _read_leaf(text: str) -> Written:
    try:
        tree = _grammar().parse(text)
    except UnexpectedInput as wrong:
        raise _explained(text, wrong) from None
    return _ToWritten().transform(tree)


class _ToWritten(Transformer[Token, Written]):
    """Lark's tree as what was written, before it is checked."""

    def leaf(self, found: list[Any]) -> Written:
        (function, fact), test = found
        kind, sign, literals = test or (None, None, [])
        return Written(None if function is None else str(function), str(fact), fact.column, kind, sign, literals)

    def subject(self, found: list[Any]) -> tuple[Token | None, Token]:
        return found[0], found[1]

    def knowing(self, found: list[Token]) -> tuple[str, str, list[Literal]]:
        return "known", str(found[0]), []

    def compare(self, found: list[Any]) -> tuple[str, str, list[Literal]]:
        return "compare", str(found[0]), [found[1]]

    def member(self, found: list[Any]) -> tuple[str, str, list[Literal]]:
        return "member", "in" if found[0] is None else "not in", found[1]

    def contains(self, found: list[Any]) -> tuple[str, str, list[Literal]]:
        return "contains", "contains", [found[0]]

    def many(self, found: list[Literal]) -> list[Literal]:
        return found

    def instant(self, found: list[Token]) -> Literal:
        return Literal("instant", str(found[0]), found[0].column or 1)

    def number(self, found: list[Any]) -> Literal:
        unit = None if found[1] is None else " ".join(str(found[1]).lower().split())
        return Literal("number", str(found[0]), found[0].column, unit)

    def boolean(self, found: list[Token]) -> Literal:
        return Literal("boolean", str(found[0]), found[0].column or 1)

    def quoted(self, found: list[Token]) -> Literal:
        return Literal("text", _unquoted(str(found[0])), found[0].column or 1)

    def bare(self, found: list[Token]) -> Literal:
        return Literal("text", str(found[0]), found[0].column or 1)


def _unquoted(text: str) -> str:
    inside = text[1:-1]
    if text[0] == "'":
        return inside
    return inside.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")


_OPERATORS: Final = ("<", "<=", ">", ">=", "==", "!=", "in", "not in", "contains", "is known", "is unknown")


def _explained(text: str, wrong: UnexpectedInput) -> Wrong:
    """What the reader expected where it stopped, in words."""
    if isinstance(wrong, UnexpectedToken):
        expected = set(wrong.accepts or wrong.expected)
    else:
        expected = set(wrong.allowed or ()) if isinstance(wrong, UnexpectedCharacters) else set()
    column = wrong.column if wrong.column > 0 else len(text) + 1
    if isinstance(wrong, UnexpectedToken) and wrong.token.type == "$END":
        column = len(text.rstrip()) + 1
    rest = text[column - 1 :].split()
    found = f"not `{rest[0]}`" if rest else "but it ends"
    if not text.strip():
        return Wrong("The condition is empty.", 1, "For example `usage.breadth < 40 %`.")
    if "COMPARISON" in expected:
        hint = _operator_hint(rest)
        return Wrong(f"Expected an operator here, {found}: {', '.join(_OPERATORS)}.", column, hint)
    if "FACT" in expected:
        return Wrong(f"Expected the name of a fact here, {found}.", column, "For example `usage.breadth`.")
    if "KNOWING" in expected:
        return Wrong(f"Expected `known` or `unknown` here, {found}.", column, None)
    if "BARE" in expected:
        hint = "Put text with blanks, brackets or signs in quotes." if rest else None
        return Wrong(f"Expected a value here, {found}.", column, hint)
    if expected == {"IN"}:
        return Wrong(f"Expected `in` after `not`, {found}.", column, "For example `account.plan not in [pro]`.")
    if "LSQB" in expected:
        return Wrong(f"Expected a list such as [pro, enterprise] here, {found}.", column, None)
    if "COMMA" in expected and "RSQB" in expected:
        return Wrong(f"Expected `,` or `]` here, {found}.", column, "Put text of several words in quotes.")
    return Wrong(f"Expected the end of the condition here, {found}.", column, "Put text of several words in quotes.")


def _operator_hint(rest: list[str]) -> str | None:
    """`=`, `=>` and the like have one meaning only."""
    meant = {"=": "==", "=<": "<=", "=>": ">=", "<>": "!=", "is": "==", "has": "contains"}
    if not rest:
        return None
    if rest[0] in meant:
        return f"Did you mean `{meant[rest[0]]}`?"
    return did_you_mean(" ".join(rest[:2]), _OPERATORS) or did_you_mean(rest[0], _OPERATORS)
