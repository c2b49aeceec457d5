import re
from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, ROOT

LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PATH = re.compile(r"`((?:services|shared|deploy|tests|docs|bench)/[\w./-]*)`")
NAMED = re.compile(r"`(_?[A-Za-z]+)`[^`.;]{0,20}(?: in| of) `((?:services|shared|deploy)/[\w./]+\.py)`")

each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [name for name in LINK.findall(text) if not (document.parent / name).exists()]
    missing += [name for name in PATH.findall(text) if not (ROOT / name).exists()]
    assert missing == []


@each
def test_every_name_that_a_document_sends_us_to_is_in_its_file(document: Path) -> None:
    named = NAMED.findall(document.read_text(encoding="utf-8"))
    assert [(name, file) for name, file in named if name not in (ROOT / file).read_text(encoding="utf-8")] == []


@each
def test_lines_are_not_too_long_to_read(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
