import re
from pathlib import Path

import pytest

from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.playbooks.settings import PlaybooksSettings
from services.scoring.settings import ScoringSettings
from shared.settings import Settings
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


def test_the_readme_lists_every_setting_and_none_besides() -> None:
    classes = (Settings, IngestSettings, ScoringSettings, PlaybooksSettings, NotifierSettings)
    settings = {f"KEEPWELL_{name.upper()}" for one in classes for name in one.model_fields}
    rows = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `KEEP")
    ]
    named = {name for row in rows for name in re.findall(r"KEEPWELL_\w+", row.split("|")[1])}
    # `keepwell up` sets it for what it starts; it is nobody else's.
    assert named == settings - {"KEEPWELL_MINDED"}


def test_every_decision_is_listed_once_by_its_number_and_title() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(folder.glob("0*.md"))
    titles = [re.sub(r"^# \d+\. ", "", one.read_text(encoding="utf-8").splitlines()[0]) for one in files]
    rows = [f"| [{one.name[:4]}]({one.name}) | {title} |" for one, title in zip(files, titles, strict=True)]
    listed = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in listed if line.startswith("| [")] == rows
    # A number is taken when its decision is begun, so one may come before another.
    numbers = [int(one.name[:4]) for one in files]
    assert numbers == sorted(set(numbers))


@each
def test_lines_are_not_too_long_to_read(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []
