"""What the guide to health shows as files can be used as it stands."""

from pathlib import Path

import pytest

from services.scoring.core.health import health_of
from services.scoring.files import load_rules
from tests.support.documents import ROOT, blocks
from tests.support.scoring import DAY, NOW, a_ticket, an_account, busy

SHOWN = [block.text for block in blocks() if block.language == "yaml" and block.document == "docs/health.md"]
CARDS = [text for text in SHOWN if text.startswith("id:")]
EXAMPLES = sorted((ROOT / "docs" / "scorecards").glob("*.yaml"))
DEFAULT = ROOT / "services" / "scoring" / "scorecards" / "default.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "default.yaml").write_text(DEFAULT.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_there_is_a_catalogue_and_a_card_to_copy() -> None:
    assert len(SHOWN) == 2
    assert len(CARDS) == 1
    assert EXAMPLES


def test_the_files_that_are_shown_are_read(folder: Path) -> None:
    for place, text in enumerate(SHOWN):
        name = f"card{place}.yaml" if text in CARDS else "catalogue.yaml"
        (folder / name).write_text(text, encoding="utf-8")
    found = load_rules(folder)
    assert {card.id for card in found.cards} == {"default", "small-teams"}
    assert found.catalogue.sources.keys() == {"usage", "tickets"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_scores_as_its_source_says(folder: Path, path: Path) -> None:
    (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    rules = load_rules(folder)
    well = an_account(*busy(range(80), users=4), a_ticket(at=NOW - 3 * DAY), segment="posthog")
    seen = health_of(well, NOW, rules)
    assert (seen.card.id, seen.score.points) == ("posthog", 10_000)
    fewer = an_account(*busy(range(80), users=3), *(a_ticket(f"T{n}") for n in range(7)), segment="posthog")
    assert [reading.points for reading in health_of(fewer, NOW, rules).counted] == [10_000, 6_000, 10_000, 6_000]
