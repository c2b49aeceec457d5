"""What is wrong with a condition, and where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text. Both count from 1, as editors do."""

    line: int = 1
    column: int = 1

    def right(self, columns: int) -> "Position":
        """The place so many columns to the right."""
        return Position(self.line, self.column + columns)


START = Position()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with its place in the file and what may have been meant."""

    message: str
    position: Position = START
    snippet: str = ""
    suggestion: str | None = None
    file: str = ""

    def __str__(self) -> str:
        line, column = self.position.line, self.position.column
        place = f"{self.file}:{line}:{column}" if self.file else f"line {line}, column {column}"
        said = f"{place}: {self.message}"
        if self.suggestion:
            said += f" {self.suggestion}"
        return said + (f"\n    {self.snippet}" if self.snippet else "")


class ConditionError(ValueError):
    """A condition can't be read. Carries every problem; `message`, `line`, `column`, … are those of the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    @property
    def message(self) -> str:
        """What is wrong, in a sentence."""
        return self.problems[0].message

    @property
    def line(self) -> int:
        """The line, from 1; of the file when the node knows its place there."""
        return self.problems[0].position.line

    @property
    def column(self) -> int:
        """The column, from 1."""
        return self.problems[0].position.column

    @property
    def snippet(self) -> str:
        """The leaf as it was written."""
        return self.problems[0].snippet

    @property
    def suggestion(self) -> str | None:
        """What may have been meant, in a sentence."""
        return self.problems[0].suggestion


def position_of(parent: object, key: object) -> Position | None:
    """Where a mapping's value or a list's item stands in its YAML file; None when the parent doesn't know.

    Reads the `lc` attribute that ruamel.yaml's round-trip nodes carry, so that nothing here has to import it.
    """
    marks = getattr(parent, "lc", None)
    if marks is None:
        return None
    try:
        line, column = marks.item(key) if isinstance(parent, list) else marks.value(key)
    except (KeyError, TypeError, AttributeError, IndexError):
        return None
    return Position(line + 1, column + 1)
