from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from deploy.demo.sample import FILE
from deploy.demo.stories import LIVE
from services.playbooks.files import load_people
from services.scoring.core.health import health_of
from tests.support.demo import PLAYBOOKS, RULES, Rehearsal
from tests.support.sample import stories
from tests.support.sample.cast import FEATURES, MILESTONES

WEDNESDAY = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)
MOMENTS = [WEDNESDAY + timedelta(days=days, hours=hours) for days, hours in ((0, 0), (3, 9), (4, -14.4), (5, -14.4))]
"""A working afternoon, a Saturday's last minutes, a Sunday and a Monday just after midnight."""

at_any_time = pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now:%a %H:%M}")
SHADOWS = {one.id for one in PLAYBOOKS if one.shadow}
BY_NAME = {story.name: story for story in LIVE}


@at_any_time
@pytest.mark.parametrize(
    ("account", "playbook"),
    [
        (stories.FADING, "usage-falling"),
        (stories.OVERDUE, "invoice-overdue"),
        (stories.STUCK, "onboarding-stuck"),
        (stories.RECOVERING, "invoice-overdue"),
        (stories.SILENT, "usage-falling"),
        (stories.LEAVING, "leaving"),
        (stories.SHRUNK, "contraction"),
        *((account, "slide") for account in (stories.FADING, stories.OVERDUE, stories.STUCK, stories.SILENT)),
        (stories.NORTHWIND, "renewal"),
    ],
)
def test_what_the_past_left_is_found(now: datetime, account: str, playbook: str) -> None:
    assert playbook in Rehearsal.at(now).found[account]


@at_any_time
def test_no_other_trouble_is_found(now: datetime) -> None:
    calm = {"renewal", "seats-full", "onboarding-done", "business-review", *SHADOWS}
    in_trouble = {account for account, found in Rehearsal.at(now).found.items() if found - calm}
    told = {stories.FADING, stories.OVERDUE, stories.STUCK, stories.RECOVERING, stories.SILENT}
    assert in_trouble == {*told, stories.LEAVING, stories.SHRUNK}


@at_any_time
def test_northwind_tips_from_green_to_amber_in_two_blows(now: datetime) -> None:
    rehearsal = Rehearsal.at(now)
    assert rehearsal.band(stories.NORTHWIND) == "green"
    (ticket, _), (answer, fired) = rehearsal.play(BY_NAME["detractor"])
    assert [driver.reason for driver in ticket.drivers] == ["urgent ticket T-118 open for 5 days"]
    assert [driver.reason for driver in answer.drivers] == [f'their admin scored us 2: "{stories.COMPLAINT}"']
    assert answer.drivers[0].points == -411
    assert round((ticket.previous_score or 0) / 100) in (77, 78, 79)
    assert round((answer.score or 0) / 100) in (67, 68, 69)
    assert answer.band == "amber"
    assert fired == {"detractor"}


@at_any_time
def test_the_other_stories_are_heard_of_once(now: datetime) -> None:
    rehearsal = Rehearsal.at(now)
    for story in LIVE[1:]:
        fired = {playbook for _, playbooks in rehearsal.play(story) for playbook in playbooks}
        assert story.start or story.playbook in fired, story.name
        assert not story.start or story.playbook in rehearsal.found[story.account]
        assert fired - {story.playbook} <= {"promoter"}, story.name


@at_any_time
def test_a_trouble_ends_by_itself(now: datetime) -> None:
    rehearsal, story = Rehearsal.at(now), BY_NAME["urgent ticket"]
    list(rehearsal.play(story))
    ended = rehearsal.episodes[story.account, story.playbook]
    assert (ended.is_open, ended.outcome) == (False, "no urgent ticket is open any more")


def test_one_recovers_from_red_to_green() -> None:
    rehearsal = Rehearsal.at(WEDNESDAY)
    assert rehearsal.band(stories.RECOVERING) == "red"
    *_, (last, _) = rehearsal.play(BY_NAME["recovered"])
    assert last.band == "green"
    assert not rehearsal.episodes[stories.RECOVERING, "invoice-overdue"].is_open


@at_any_time
def test_at_the_end_three_accounts_are_red(now: datetime) -> None:
    rehearsal = Rehearsal.at(now)
    for story in LIVE:
        list(rehearsal.play(story))
    red = {account for account in rehearsal.accounts if rehearsal.band(account) == "red"}
    assert red == {stories.FADING, stories.OVERDUE, stories.STUCK, stories.SILENT, stories.LEAVING}
    assert sum(stories.TOLD[account]["mrr_minor"] for account in red) == 2_460_000


@at_any_time
def test_the_company_has_a_spread_as_companies_have_it_each_for_a_reason(now: datetime) -> None:
    rehearsal = Rehearsal.at(now)
    bands = Counter(map(rehearsal.band, rehearsal.accounts))
    assert bands["red"] == 6
    assert 6 <= bands["amber"] <= 12
    assert bands["unknown"] == 0
    for id, account in rehearsal.accounts.items():
        assert rehearsal.band(id) == "green" or health_of(account, now, RULES).reason, id


@at_any_time
@pytest.mark.parametrize(
    ("account", "band", "reason"),
    [
        (stories.SILENT, "red", "; 15 people used it before"),
        (stories.SHRUNK, "amber", "contracted by 61 %: from €4,600 to €1,800 a month"),
        (stories.LEAVING, "red", "they have cancelled, and leave on "),
        (stories.FADING, "red", "the pulse is 2 of 10"),
    ],
)
def test_trouble_that_nobody_told_of_is_told(now: datetime, account: str, band: str, reason: str) -> None:
    rehearsal = Rehearsal.at(now)
    assert rehearsal.band(account) == band
    assert reason in health_of(rehearsal.accounts[account], now, RULES).reason


def test_the_sample_company_sells_what_its_catalogue_lists() -> None:
    assert RULES.catalogue.features == FEATURES
    assert set(MILESTONES) == {name for model in RULES.catalogue.onboarding for name in model.milestones}


def test_every_owner_is_in_the_directory() -> None:
    people = load_people(FILE.with_name("csms.yaml"))
    owners = {account.state.traits["owner"].value for account in Rehearsal.at(WEDNESDAY).accounts.values()}
    assert len(owners) == 9
    assert all(people.find(owner) for owner in owners)
