import gzip
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
import pytest

from deploy.demo import sample
from deploy.demo.stories import LIVE, NAMED
from shared.messages.registry import CUSTOMER_EVENTS
from tests.support.sample import past as company
from tests.support.sample import stories
from tests.support.sample.cast import COMPANY_MRR, Account, accounts

WEDNESDAY = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)
MOMENTS = [WEDNESDAY + timedelta(days=days, hours=hours) for days, hours in ((0, 0), (3, 9), (4, -14), (5, -14.4))]
"""A working afternoon, a Saturday's last minutes, a Sunday just after midnight, a Monday just after midnight."""


past = cache(sample.load)


@pytest.fixture(scope="module")
def cast() -> list[Account]:
    return accounts(random.Random(company.SEED))


def test_the_file_is_what_the_generator_makes() -> None:
    made = company.packed()
    assert made == company.packed()
    assert gzip.decompress(made) == gzip.decompress(sample.FILE.read_bytes())


def test_it_is_a_believable_company(cast: list[Account]) -> None:
    assert len(cast) == len({account.id for account in cast}) == 60
    assert len({account.owner for account in cast}) == 9
    assert {account.plan for account in cast} == {"starter", "pro", "enterprise"}
    assert sum(account.mrr_minor for account in cast) == COMPANY_MRR
    assert all(account.users <= account.seats for account in cast)


def test_nobody_in_it_has_a_persons_name(cast: list[Account]) -> None:
    assert {account.email.partition("@")[2] for account in cast} == {"example.com"}
    titles = {
        event["data"]["traits"]["title"]
        for event in company.company(random.Random(1))
        if event["type"] == "contact.updated"
    }
    assert titles == {"Administrator", "Head of finance", "Team lead"}


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_its_past_is_120_days_and_ends_now(now: datetime) -> None:
    events = past(now, "run")
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    assert now - timedelta(days=127) < times[0]
    assert now - timedelta(days=3) < times[-1] <= now
    assert 20_000 < len(events) <= 30_000


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_every_event_is_one_that_ingest_takes(now: datetime) -> None:
    told = [event for story in LIVE for event in story.events(now, "run")]
    for event in past(now, "run") + told:
        _, definition = CUSTOMER_EVENTS[event["type"]]
        msgspec.convert(event["data"], definition, strict=False)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_working_days_stay_working_days(now: datetime) -> None:
    used = Counter(
        datetime.fromisoformat(event["time"]).weekday()
        for event in past(now, "run")
        if event["type"] == "usage.recorded"
    )
    assert min(used[day] for day in range(5)) > 4 * max(used[5], used[6])


def test_ids_are_new_in_each_run() -> None:
    first = {event["id"] for event in past(WEDNESDAY, "one")}
    second = {event["id"] for event in past(WEDNESDAY, "two")}
    assert len(first) == len(past(WEDNESDAY, "one"))
    assert not first & second


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("@w+0T09:00:00", "2026-05-11T09:00:00+00:00"),
        ("@w-1T23:59:59", "2026-05-10T23:59:59+00:00"),
        ("@d-35T00:00:00", "2026-04-08T00:00:00+00:00"),
        ("@n-3600", "2026-05-13T13:30:00+00:00"),
    ],
)
def test_a_relative_time_is_counted_from_the_week_the_day_or_the_moment(text: str, time: str) -> None:
    assert sample.resolve(text, WEDNESDAY) == datetime.fromisoformat(time)


def test_what_a_customer_wrote_is_left_alone() -> None:
    event = {"type": "feedback.nps", "account": "a", "time": "@n-0", "data": {"comment": "@d+1 call us"}}
    assert sample.real([event], WEDNESDAY, "run")[0]["data"] == {"comment": "@d+1 call us"}


def test_story_accounts_are_in_the_cast(cast: list[Account]) -> None:
    ids = {account.id for account in cast}
    assert set(stories.TOLD) == NAMED <= ids
    assert {story.account for story in LIVE} <= ids


def test_the_promoter_uses_95_percent_of_its_seats() -> None:
    account = stories.TOLD[stories.READY_TO_GROW]
    users = {
        event["data"]["user_id"]
        for event in past(WEDNESDAY, "run")
        if event["account"] == stories.READY_TO_GROW
        and event["type"] == "usage.recorded"
        and datetime.fromisoformat(event["time"]) > WEDNESDAY - timedelta(days=29)
    }
    assert len(users) / account["seats"] == pytest.approx(0.95)
