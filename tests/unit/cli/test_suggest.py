"""What is suggested can be applied as it stands."""

import json

from deploy.cli import suggest
from services.scoring.core.catalogue import CADENCES
from services.scoring.files import CatalogueFile
from shared.files.reading import read
from tests.support.cli import Answer, FakeStack


def plan(name: str, *features: str, cadence: str | None = "daily", seats: int | None = 12) -> dict[str, object]:
    used = [{"feature": feature, "accounts": 3 - place} for place, feature in enumerate(features)]
    return {"plan": name, "accounts": 3, "seats": seats, "cadence": cadence, "features": used}


FOUND = {
    "plans": [
        plan("pro", "kanban", "Report: exported", "true", "1st"),
        plan("pay roll", "payslips", cadence="monthly"),
        plan("free", cadence=None, seats=None),
        plan("x" * 200, "too long a name"),
    ],
    "milestones": [{"milestone": "data imported", "by_day": 9, "accounts": 2}],
    "without_plan": 1,
}


def test_the_draft_is_a_catalogue_that_is_read_as_it_was_meant(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/suggestions/catalogue", Answer(FOUND))
    text = stack.run(suggest.app, "catalogue").stdout
    catalogue = read(text, "catalogue.yaml", CatalogueFile).catalogue()
    assert catalogue.features == {
        "pro": ("kanban", "Report: exported", "true", "1st"),
        "pay roll": ("payslips",),
        "free": (),
    }
    assert catalogue.cadence == {"pay roll": CADENCES["monthly"]}
    assert [(one.days, one.milestones) for one in catalogue.onboarding] == [(60, {"data imported": 9})]
    assert "- kanban # used by 3 accounts" in text
    assert "pro: # 3 accounts, 12 seats each at the median" in text
    assert "The plan of 1 account is not known" in text
    stack.on("GET /scoring/v1/suggestions/catalogue", Answer(FOUND))
    assert json.loads(stack.run(suggest.app, "catalogue", "--json").stdout) == FOUND


def test_where_nothing_was_seen_nothing_is_suggested(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/suggestions/catalogue", Answer({"plans": [], "milestones": [], "without_plan": 0}))
    text = stack.run(suggest.app, "catalogue").stdout
    catalogue = read(text, "catalogue.yaml", CatalogueFile).catalogue()
    assert (catalogue.features, catalogue.cadence) == ({}, {})
    assert [one.milestones for one in catalogue.onboarding] == [{}]
