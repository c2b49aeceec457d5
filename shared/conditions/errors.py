"""What is wrong with a file that somebody wrote, and where: with conditions, and with all else."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from shared.words import clean

MOST_TOLD: Final = 100
"""Nobody reads more; a file of random bytes has thousands."""
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True, order=True)
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
    suggestion: str | None = None
    snippet: str = ""
    file: str = ""

    def __str__(self) -> str:
        line, column = self.position.line, self.position.column
        place = f"{self.file}:{line}:{column}" if self.file else f"line {line}, column {column}"
        said = f"{place}: {clean(self.message)}" + (f" {clean(self.suggestion)}" if self.suggestion else "")
        return said + (f"\n    {clean(self.snippet)}" if self.snippet else "")


class Refused(ValueError):
    """A condition, a file, or several can't be used. Says everything that is wrong, one problem a paragraph."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: (one.file, one.position)))
        told = [str(problem) for problem in self.problems[:MOST_TOLD]]
        if len(self.problems) > MOST_TOLD:
            told.append(f"And {len(self.problems) - MOST_TOLD} more.")
        super().__init__("\n".join(told))


def did_you_mean(name: object, names: Iterable[str]) -> str | None:
    """The nearest of some names, as a question; None when nothing is near."""
    found = nearest(str(name), names)
    return f"Did you mean `{found}`?" if found else None


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: another case of letters before another spelling."""
    if len(name) > _LONGEST_NAME:
        return None
    by_case = {one.casefold(): one for one in reversed(list(names))}
    close = get_close_matches(name.casefold(), by_case, n=1)
    return by_case[close[0]] if close else None
