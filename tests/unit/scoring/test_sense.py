"""What scorecards and the catalogue can't mean is refused; what merely looks wrong is a warning in the log."""

import logging
from datetime import date
from pathlib import Path

import pytest

from services.scoring.files import CatalogueFile, ScorecardFile, load_rules
from shared.conditions import Refused
from shared.files.catalogue import declared_in
from shared.files.reading import read

CARD = "id: x\nversion: 1\nmeasures: {usage.recency: {weight: 100}}\n"
CATALOGUE = (
    "features: {pro: [reports], free: []}\nwatch: [messages]\nallowances: {pro: {exports: 1000}}\n"
    "traits: {tier: text}\n"
    "onboarding:\n  - {id: self, days: 30, milestones: {imported: 14}}\n"
)


def refused(text: str, model: type[ScorecardFile | CatalogueFile], catalogue: str = CATALOGUE) -> list[str]:
    beside = read(catalogue, "c.yaml", CatalogueFile).catalogue()
    with pytest.raises(Refused) as caught:
        read(text, "f.yaml", model, beside)
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "caps:\n  - {at_most: red, while: [account.seats < 10, account.seats > 20]}\n",
            "f.yaml:5:48: This can never hold together with `account.seats < 10 seats` in line 5: "
            "`account.seats > 20 seats`.",
        ),
        (
            "for_accounts: account.stage == mature\ncaps:\n  - {at_most: red, while: account.stage != mature}\n",
            "f.yaml:6:27: This can never hold together with `account.stage == mature` in line 4",
        ),
        ("for_accounts: account.plan == Pro\n", "f.yaml:4:15: `Pro` is declared nowhere as a value of `account.plan`."),
        (
            "caps: [{at_most: red, while: onboarding.missing contains import}]\n",
            "f.yaml:4:30: `import` is declared nowhere as a value of `onboarding.missing`. Did you mean `imported`?",
        ),
    ],
)
def test_a_card_that_can_not_be_meant_is_refused(lines: str, said: str) -> None:
    [problem] = refused(CARD + lines, ScorecardFile)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (
            "  - {id: a, days: 30}\n  - {id: b, days: 60}\n",
            "f.yaml:3:10: No account comes to the model `b`: `a` before",
        ),
        (
            "  - {id: a, days: 30, for_accounts: account.seats < 50}\n"
            "  - {id: b, days: 60, for_accounts: account.seats < 10}\n",
            "f.yaml:3:10: No account comes to the model `b`: `a` before it takes all of them.",
        ),
    ],
)
def test_a_model_of_onboarding_that_no_account_comes_to_is_refused(models: str, said: str) -> None:
    [problem] = refused("onboarding:\n" + models, CatalogueFile)
    assert problem.startswith(said)


def test_what_looks_wrong_is_logged_when_the_rules_are_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE)
    cap = "caps:\n  - {at_most: red, while: {any: [account.plan != pro, account.plan != free]}}\n"
    (tmp_path / "card.yaml").write_text(CARD + cap)
    with caplog.at_level(logging.WARNING):
        load_rules(tmp_path)
    [warning] = caplog.messages
    assert warning.startswith(f"{tmp_path}/card.yaml:5:34: One of these always holds, so nothing is asked")


def test_what_a_catalogue_declares_is_read_leniently_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    found = declared_in(path.read_bytes())
    assert found is not None
    assert (found.plans, found.features, found.watched) == (("pro", "free"), ("reports",), ("messages", "exports"))
    assert (found.models, found.milestones, found.traits) == (("self",), ("imported",), {"tier": "text"})
    path.write_text("working_days: [sun, monday, whenever]\nclosed: [2026-12-25, 2026-12-31..2027-01-01, christmas]\n")
    found = declared_in(path.read_bytes())
    assert found is not None
    assert found.working_days == (0, 6)
    assert found.closed == (date(2026, 12, 25), date(2026, 12, 31), date(2027, 1, 1))
    path.write_text("features: [pro]\nonboarding: {a: b}\nwatch: 3\ntraits: {a: txt}\nallowances: {pro: 3}\n")
    found = declared_in(path.read_bytes())
    assert found is not None
    assert list(found.values) == ["account.plan", "account.stage"]
    for broken in ("features: {", "- a", ""):
        path.write_text(broken)
        assert declared_in(path.read_bytes()) is None
