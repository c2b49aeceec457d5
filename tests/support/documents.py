"""What stands in the documents between fences, so that tests can run it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_GOES_ON = re.compile(r"\\\n")


class Block(NamedTuple):
    """One fenced block; `language` is what stands behind the first fence."""

    document: str
    line: int
    language: str
    text: str

    def commands(self) -> list[str]:
        """The commands of a shell block, without comments; one with an open quote goes on over lines."""
        found: list[str] = []
        for line in _GOES_ON.sub(" ", self.text).splitlines():
            if found and found[-1].count("'") % 2:
                found[-1] += f"\n{line}"
            elif words := line.partition("  #")[0].strip():
                found.append(words)
        return found


def blocks() -> Iterator[Block]:
    """Every fenced block of every document, in order."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for found in _FENCED.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(str(document.relative_to(ROOT)), line, found[1], found[2])


def answer_to(words: str) -> str:
    """The block that follows the first one with these words."""
    every = list(blocks())
    return every[next(place for place, block in enumerate(every) if words in block.text) + 1].text


def told_like(line: str) -> re.Pattern[str]:
    """A pattern for a line of an example: any numbers and spaces, and anything for an ellipsis."""
    pattern = re.escape(line.strip())
    pattern = re.sub(r"\d+", r"\\d+", pattern).replace("…", ".*")
    return re.compile(re.sub(r"(\\ )+", r"\\s+", pattern))
