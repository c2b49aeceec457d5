"""From YAML nodes and text to a checked tree: a list means all, a text is a leaf, a mapping is all, any or not."""

from collections.abc import Mapping
from typing import Any, Final

from shared.conditions.errors import START, Position, Problem, Refused, did_you_mean
from shared.conditions.leaf import Wrong, read_leaf
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
                return read_leaf(node, self.scope, at)
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
