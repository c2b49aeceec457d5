"""Onboarding has models by touch, each with its length and milestones; it ends with the last of them."""

from dataclasses import replace
from typing import Any

import pytest

from services.scoring.core.catalogue import Onboarding
from services.scoring.core.clock import midnight_after
from services.scoring.core.health import health_of
from services.scoring.core.state import Account
from shared.conditions import Scope, parse
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    MILESTONES,
    NEWCOMER,
    NOW,
    SHIPPED,
    a_subscription,
    after,
    an_event,
    assessed,
    traits,
)

LAST = max(MILESTONES.values())


def a_newcomer(days: float, *events: Event, **known: Any) -> Account:
    """A customer who was signed so many days ago."""
    return after(traits(NOW - days * DAY, signed_at=NOW - days * DAY, **known), *events)


def reached(*names: str, days: float = 1) -> list[Event]:
    """Milestones that were reached so many days ago."""
    return [an_event("milestone.reached", at=NOW - days * DAY, milestone=name) for name in names]


def stage(account: Account, days: float = 0) -> object:
    """The stage so many days from now."""
    return health_of(account, NOW + days * DAY, SHIPPED).facts["account.stage"]


@pytest.mark.parametrize(
    ("segment", "model", "days"),
    [
        ("self-serve", "self", 30),
        ("enterprise", "high_touch", 120),
        ("other", "low_touch", 60),
        (None, "low_touch", 60),
    ],
)
def test_the_first_model_that_fits_the_account_says_how_long_it_lasts(
    segment: str | None, model: str, days: int
) -> None:
    account = a_newcomer(days, segment=segment)
    assert health_of(account, NOW, SHIPPED).facts["onboarding.model"] == model
    assert [stage(account, more) for more in (0, 1)] == ["onboarding", "adopting"]


def test_where_no_model_fits_it_is_that_of_low_touch() -> None:
    none = parse("account.plan == none", Scope())
    some = (Onboarding("x", 9, for_accounts=none), Onboarding("low_touch", 45, {"kickoff": 3}, none))
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, onboarding=some))
    facts = health_of(a_newcomer(5), NOW, rules).facts
    assert (facts["onboarding.model"], facts["onboarding.missing"]) == ("low_touch", ["kickoff"])
    bare = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, onboarding=()))
    assert health_of(a_newcomer(60), NOW, bare).facts["account.stage"] == "onboarding"


def test_it_ends_when_the_last_milestone_is_reached_and_not_with_those_that_are_due() -> None:
    almost = a_newcomer(20, *reached(*list(MILESTONES)[:-1]))
    assert (stage(almost), stage(after(*reached("first_report"), account=almost))) == ("onboarding", "adopting")


def test_milestones_that_were_reached_do_not_keep_it_beyond_its_days() -> None:
    assert stage(a_newcomer(61, *reached("workspace_created"))) == "adopting"


def test_where_neither_signing_nor_a_start_is_known_there_is_no_onboarding() -> None:
    bare = after(traits(NOW - DAY, name="x"))
    assert stage(bare) == "adopting"
    assert "onboarding.ends_at" not in health_of(bare, NOW, SHIPPED).facts
    assert stage(after(a_subscription(NOW, mrr_minor=1, started_at=(NOW - 5 * DAY).isoformat()))) == "onboarding"


def test_before_anything_is_due_there_is_no_data_unless_something_was_reached() -> None:
    bare = health_of(a_newcomer(2), NOW, SHIPPED)
    assert (bare.readings["onboarding.progress"].raw, bare.readings["onboarding.progress"].words) == (
        None,
        "no milestone is due yet",
    )
    early = health_of(a_newcomer(2, *reached("data_imported")), NOW, SHIPPED).readings["onboarding.progress"]
    assert (early.raw, early.words) == (100, "no milestone is due yet, and 1 reached already")


def test_a_new_installation_names_no_milestone_and_measures_nobody_by_one() -> None:
    assert all(not model.milestones for model in NEWCOMER.catalogue.onboarding)
    health = health_of(a_newcomer(40), NOW, NEWCOMER)
    assert health.facts["account.stage"] == "onboarding"
    assert health.readings["onboarding.progress"].words == "no milestones are expected"
    assert "onboarding.missing" not in health.facts


def test_the_milestone_that_is_late_longest_is_named_from_the_day_on_which_it_was_expected() -> None:
    account = a_newcomer(2)
    found = [health_of(account, NOW + days * DAY, SHIPPED).facts for days in (0, 1, 20)]
    assert [one.get("onboarding.late") for one in found] == [None, "workspace_created", "workspace_created"]
    assert found[1]["onboarding.late_since"] == found[2]["onboarding.late_since"] == "2026-05-21T00:00:00Z"
    assert assessed(account).next_at == midnight_after(NOW)
    begun = health_of(after(*reached("workspace_created"), account=account), NOW + 20 * DAY, SHIPPED).facts
    assert (begun["onboarding.late"], begun["onboarding.late_since"]) == ("data_imported", "2026-06-01T00:00:00Z")
    done = health_of(a_newcomer(50, *reached(*MILESTONES)), NOW, SHIPPED).facts
    assert "onboarding.late" not in done
