"""Which two events are the same is promised in one place, and nowhere by less than it takes."""

import re
from pathlib import Path

import pytest

from tests.support.documents import ROOT

_PLACES = [
    path
    for folder in ("services", "shared", "deploy", "examples", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".md", ".yaml", ".json", ".j2", ".csv"}
] + [ROOT / "README.md"]
_PAIR = re.compile(
    r"\bsource`?( and|,) (their |its |the )?`?id\b|\bid`?( and|,) (their |its |the )?`?source\b", re.IGNORECASE
)
_PROMISES = re.compile(r"\b(same|once|twice|equal|repeat|duplicate|dedupe)", re.IGNORECASE)
_WHOLE = re.compile(r"account|subject", re.IGNORECASE)


def promises(text: str) -> list[str]:
    """Sentences that promise something of source and id, and don't speak of the account."""
    flat = re.sub(r"\s*\n[\s#>*-]*", " ", text)
    sentences = re.split(r"(?<=[.;:])\s|\"\"\"", flat)
    return [one for one in sentences if _PAIR.search(one) and _PROMISES.search(one) and not _WHOLE.search(one)]


@pytest.mark.parametrize("path", _PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_place_promises_that_source_and_id_alone_make_an_event(path: Path) -> None:
    assert promises(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "events with the same source and id are the same event.",
        "Two events are the same\n  when `source` and `id` are the same.",
        "# It counts once by its id and source.",
    ],
)
def test_such_a_promise_would_be_found(text: str) -> None:
    assert len(promises(text)) == 1


def test_what_is_promised_is_said_in_full_and_linked_to() -> None:
    text = " ".join((ROOT / "docs" / "events.md").read_text(encoding="utf-8").split())
    assert "when their source, their id and their account are the same, and their times lie on the same UTC day" in text
    for place in ("README.md", "docs/architecture.md", "shared/messages/envelope.py"):
        assert "events.md" in (ROOT / place).read_text(encoding="utf-8"), place
