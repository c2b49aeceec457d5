"""Scoring on a real database: each event counts once, each effect is decided once, and time is on time."""

import gc
import random
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Bands, Rules, Weighted, rules_of
from services.scoring.queries import fingerprint
from shared.conditions import parse
from shared.messages import registry
from shared.messages.envelope import Event, decode
from shared.telemetry import metrics
from tests.support.everywhere import COLUMNS, searches
from tests.support.logins import as_owner
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    Fed,
    a_contact,
    a_pulse,
    a_ticket,
    an_event,
    an_invoice,
    busy,
    nps,
    scoring_engine,
    traits,
    usage,
)

KNOWN: dict[str, Any] = {"name": "Acme", "seats": 10, "plan": "pro", "signed_at": (NOW - 200 * DAY).isoformat()}

TABLES = "accounts, users, papers, answers, assessments, claims, claim_filters, timers, outbox"


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with scoring_engine(database_url) as made:
        yield made


@pytest.fixture
async def fed(engine: AsyncEngine) -> Fed:
    one = Fed(engine)
    await one.take()
    return one


def customer(account: str = "acme") -> list[Event]:
    """Enough to have a score."""
    return [an_event("account.updated", at=NOW - 100 * DAY, account=account, traits=KNOWN), *busy(range(40), users=4)]


async def at(fed: Fed, when: datetime | None = None) -> tuple[str, int]:
    """The fingerprint at an instant."""
    async with fed.engine.connect() as c:
        return await fingerprint(c, when or fed.now, fed.rules)


def a_year(rng: random.Random, accounts: int = 4) -> list[Event]:
    """Events of many kinds."""
    found = []
    for number in range(260):
        account, when = f"a{rng.randrange(accounts)}", NOW - rng.randrange(34 * 24) * timedelta(hours=1)
        plain: dict[str, Any] = {"account": account, "at": when, "id": f"e{number}"}
        due = (when - rng.randrange(60) * DAY).isoformat()
        found.append(
            rng.choice(
                [
                    usage(
                        when, rng.choice(["reports", "api"]), f"u{rng.randrange(5)}", account=account, id=f"e{number}"
                    ),
                    a_ticket(f"T{rng.randrange(3)}", type=rng.choice(["opened", "updated", "closed"]), **plain),
                    an_invoice(
                        rng.choice(["issued", "paid", "payment_failed"]), f"I{rng.randrange(3)}", due_at=due, **plain
                    ),
                    nps(rng.randrange(11), contact=f"c{rng.randrange(3)}", **plain),
                    nps(rng.randrange(11), survey_kind="transactional", invitation_id=f"i{rng.randrange(3)}", **plain),
                    an_event("survey.invited", invitation_id=f"i{rng.randrange(3)}", contact_id="c1", **plain),
                    an_event("account.updated", traits={"seats": rng.randrange(1, 9), "plan": "pro"}, **plain),
                    an_event(
                        "contact.updated",
                        contact_id=f"c{rng.randrange(3)}",
                        role=rng.choice(["admin", "left"]),
                        **plain,
                    ),
                    an_event(
                        "subscription.changed",
                        subscription_id=f"s{rng.randrange(2)}",
                        mrr_minor=rng.randrange(3),
                        currency=rng.choice(["EUR", "USD"]),
                        status=rng.choice(["active", "past_due", "paused", "canceled"]),
                        ends_at=rng.choice([None, due]),
                        renews_at=rng.choice([due, (NOW + rng.randrange(3) * 20 * DAY).isoformat()]),
                        term_months=12,
                        **plain,
                    ),
                    an_event("account.churned", reason=rng.choice(["price", "gone"]), **plain),
                    an_event("milestone.reached", milestone="data_imported", **plain),
                    an_event("interaction.logged", kind="call", **plain),
                ]
            )
        )
    return found


async def test_the_fingerprint_is_equal_however_events_come(engine: AsyncEngine, database_url: str) -> None:
    rng = random.Random(7)
    events = a_year(rng)
    async with Fed(engine) as once:
        await once.feed(*events)
        expected = await at(once)
    assert expected[1] == 4
    for partition, repeat in ((0, 1), (0, 3)):
        await as_owner(database_url, f"TRUNCATE {TABLES}", schema="scoring")
        other = Fed(engine)
        other.partition = partition
        await other.take()
        shuffled = events * repeat
        rng.shuffle(shuffled)
        while shuffled:
            size = rng.randrange(1, 60)
            await other.feed(*shuffled[:size], behind=rng.random() < 0.5)
            shuffled = shuffled[size:]
            if rng.random() < 0.3:
                await other.restart()
        await other.catch_up()
        assert await at(other) == expected


async def grown(engine: AsyncEngine, memory: int) -> int:
    """How much more a worker of so much memory takes after the histories of many accounts."""
    fed = Fed(engine, memory=memory)
    await fed.take()
    await fed.feed(*customer("first"))
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(0, 60, 20):
            accounts = [f"{memory}-{n}" for n in range(number, number + 20)]
            days = [NOW - day * DAY for day in range(1, 31)]
            await fed.feed(
                *(usage(day, "reports", f"u{day.day}", account=id) for id in accounts for day in days),
                *(a_ticket(f"T{n}", account=id) for id in accounts for n in range(30)),
            )
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def test_memory_is_bounded_whatever_the_number_of_accounts_and_their_history(engine: AsyncEngine) -> None:
    assert await grown(engine, 2**19) < 2 * 2**19 < await grown(engine, 2**28)


async def test_a_worker_without_memory_tells_and_keeps_the_same(engine: AsyncEngine, database_url: str) -> None:
    rng = random.Random(3)
    events = a_year(rng, accounts=12)
    found = []
    for memory in (2**28, 1):
        fed = Fed(engine, memory=memory)
        await fed.take()
        for start in range(0, len(events), 50):
            await fed.feed(*events[start : start + 50], behind=start % 100 == 0)
        await fed.catch_up()
        await fed.pass_time(NOW + 3 * DAY)
        told = [[(one.rev, one.score, one.facts, one.drivers) for one in await fed.told(f"a{n}")] for n in range(12)]
        found.append((await at(fed), told))
        await as_owner(database_url, f"TRUNCATE {TABLES}", schema="scoring")
    assert found[0] == found[1]


async def test_many_that_wait_are_all_assessed_though_few_are_remembered(engine: AsyncEngine) -> None:
    fed = Fed(engine, memory=1)
    await fed.take()
    accounts = [f"a{n}" for n in range(450)]
    await fed.feed(*(usage(NOW, account=id) for id in accounts), behind=True)
    assert fed.handler.waiting(0) == NOW
    await fed.restart()
    await fed.feed(*(usage(NOW, account=f"{id}-later") for id in accounts[:9]), behind=True)
    await fed.catch_up()
    assert await fed.rows("SELECT id FROM accounts WHERE marked_at IS NOT NULL OR rev <> 1") == []


async def test_a_batch_that_is_rolled_back_leaves_no_trace(fed: Fed) -> None:
    await fed.feed(*customer())
    before, told = await at(fed), len(await fed.told())
    await fed.feed_in_vain(nps(0, id="lost"))
    assert (await at(fed), len(await fed.told())) == (before, told)
    await fed.feed(nps(0, id="lost"))
    assert len(await fed.told()) == told + 1


async def test_each_event_is_told_with_its_cause_and_rev_goes_up_by_one(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.feed(a_ticket("T1"), usage(NOW, user="new"), nps(3, comment="slow"))
    told = await fed.told()
    assert [one.rev for one in told] == list(range(1, len(told) + 1))
    assert [one.cause.kind for one in told[-3:]] == ["usage", "event", "event"]
    assert told[-1].cause.data["comment"] == "slow"
    assert told[-1].drivers[0].reason == 'their contact scored us 3: "slow"'


async def test_a_repeat_is_neither_folded_nor_told(fed: Fed) -> None:
    answer = nps(3, id="same")
    await fed.feed(*customer(), answer)
    told = len(await fed.told())
    await fed.feed(answer)
    await fed.restart()
    await fed.feed(answer)
    assert len(await fed.told()) == told


async def test_usage_is_told_once_a_batch_and_only_when_a_fact_changed(fed: Fed) -> None:
    await fed.feed(*customer())
    told = len(await fed.told())
    await fed.feed(*[usage(NOW, "reports", "new") for _ in range(20)])
    assert len(await fed.told()) == told + 1
    await fed.feed(usage(NOW, "reports", "new"))
    assert len(await fed.told()) == told + 1


async def test_behind_accounts_with_only_usage_are_marked_and_the_next_owner_begins_with_them(fed: Fed) -> None:
    await fed.feed(traits(**KNOWN))
    told = len(await fed.told())
    await fed.feed(*busy(range(40)), behind=True)
    assert len(await fed.told()) == told
    await fed.restart()
    assert fed.handler.waiting(0) == NOW
    await fed.catch_up()
    assert fed.handler.waiting(0) is None
    one = (await fed.told())[-1]
    assert (len(await fed.told()), one.cause.kind, one.facts["usage.active_users"]) == (told + 1, "usage", 8)


async def test_an_event_of_a_marked_account_is_told_after_what_was_put_off(fed: Fed) -> None:
    await fed.feed(traits(**KNOWN))
    await fed.feed(*busy(range(40)), behind=True)
    await fed.feed(nps(2), behind=True)
    assert [one.cause.kind for one in (await fed.told())[-2:]] == ["usage", "event"]
    assert fed.handler.waiting(0) is None


async def test_what_is_told_says_when_the_first_that_is_untold_was_accepted(fed: Fed) -> None:
    await fed.feed(*customer())
    minute = timedelta(minutes=1)
    await fed.feed(usage(NOW + 20 * minute, user="new"), usage(NOW + 5 * minute, user="other"))
    assert (await fed.told())[-1].cause.accepted == NOW + 5 * minute
    # Topics are read side by side: usage is told before a ticket that was accepted earlier.
    await fed.feed(usage(NOW + 40 * minute, user="third"), a_ticket("T1", at=NOW + 30 * minute), nps(3, at=NOW + DAY))
    told = (await fed.told())[-3:]
    assert [one.cause.accepted for one in told] == [NOW + 30 * minute, NOW + 30 * minute, NOW + DAY]


async def test_what_was_put_off_may_have_been_accepted_long_before(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.feed(usage(NOW + DAY / 24, user="new"), behind=True)
    await fed.feed(usage(NOW + DAY / 12, user="other"))
    one = (await fed.told())[-1]
    assert (one.cause.kind, one.cause.accepted, one.facts["usage.active_users"]) == ("usage", None, 6)


async def test_repeats_and_the_time_to_a_score_are_measured(fed: Fed) -> None:
    answer = nps(3, id="same")
    await fed.feed(*customer(), answer)
    await fed.feed(answer)
    assert b"keepwell_repeated_events_total 1.0" in metrics.text(fed.figures)
    assert b'keepwell_event_to_effect_seconds_count{effect="scored"} 3.0' in metrics.text(fed.figures)


async def test_silence_is_told_on_time_and_says_what_changed(fed: Fed) -> None:
    await fed.feed(*customer())
    assert (await fed.rows("SELECT due FROM timers"))[0].due == datetime(2026, 5, 21, tzinfo=UTC)
    await fed.pass_time(NOW + 9 * DAY)
    told = [one for one in await fed.told() if one.cause.kind == "time"]
    assert told[0].at == datetime(2026, 5, 21, tzinfo=UTC)
    assert [driver.name for driver in told[-1].drivers if driver.name == "usage.recency"]
    assert told[-1].facts["usage.recency"] == 7


async def test_a_cap_comes_on_the_second(fed: Fed) -> None:
    due = NOW - 60 * DAY + timedelta(hours=5, seconds=3)
    await fed.feed(*customer(), an_invoice(at=NOW - 90 * DAY, due_at=due.isoformat()))
    await fed.pass_time(NOW + DAY)
    capped = next(one for one in await fed.told() if one.score == 4900)
    assert capped.at == due + 60 * DAY


async def test_history_moves_state_and_is_told_once_when_every_topic_has_ended_it(fed: Fed) -> None:
    past = [replace_history(event, "imp") for event in [*customer(), nps(2, comment="old words")]]
    await fed.feed(*past)
    await fed.catch_up()
    assert await fed.told() == []
    await fed.feed(a_ticket("T1"))
    (live,) = await fed.told()
    assert (live.imports, live.found_in) == (["imp"], None)
    await fed.end_import("imp", act_on_found=True)
    await fed.catch_up()
    found = (await fed.told())[1:]
    assert [(one.cause.kind, one.found_in, one.act_on_found, one.imports) for one in found] == [
        ("history", "imp", True, [])
    ]


async def test_an_account_that_is_known_is_told_to_be_quiet_before_an_import_moves_it(fed: Fed) -> None:
    await fed.feed(*customer())
    before = (await fed.told())[-1]
    await fed.feed(*[replace_history(nps(score, contact=f"c{score}"), "imp") for score in (0, 1, 2)])
    quiet = (await fed.told())[-1]
    assert (quiet.rev, quiet.imports, quiet.cause.kind) == (before.rev + 1, ["imp"], "history")
    assert quiet.score == before.score
    await fed.feed(replace_history(nps(3), "imp"))
    assert (await fed.told())[-1].rev == quiet.rev


async def test_an_import_closes_only_when_all_topics_have_told_its_end(fed: Fed) -> None:
    await fed.feed(*[replace_history(event, "imp") for event in customer()])
    for topic in registry.EVENT_TOPICS[:-1]:
        await fed.feed(an_event(registry.HISTORY_ENDED, account="x", import_id="imp", topic=topic))
    assert fed.handler.waiting(0) is None


async def test_a_straggler_of_a_closed_import_quiets_nothing_and_is_told_as_found(fed: Fed) -> None:
    await fed.feed(*[replace_history(event, "imp") for event in customer()])
    await fed.end_import("imp")
    await fed.catch_up()
    await fed.restart()
    await fed.feed(replace_history(nps(1), "imp"))
    last = (await fed.told())[-1]
    assert (last.cause.kind, last.found_in, last.imports) == ("history", "imp", [])


async def test_what_a_new_scorecard_changes_is_told_as_such(fed: Fed) -> None:
    await fed.feed(*customer())
    newer = Rules(SHIPPED.catalogue, tuple(replace(card, version=9) for card in SHIPPED.cards))
    await fed.restart(newer)
    await fed.catch_up()
    last = (await fed.told())[-1]
    assert (last.cause.kind, last.scorecard.partition("+")[0]) == ("scorecard", "adopting@9")


def narrower(*measures: str) -> Rules:
    """The shipped rules, and a card for adopting accounts of the pro plan that has these measures alone."""
    (card,) = (card for card in SHIPPED.cards if card.id == "adopting")
    weighted = tuple(Weighted(name, 100 // len(measures), MEASURES[name].curve) for name in measures)
    for_accounts = parse(["account.stage == adopting", "account.plan == pro"])
    new = replace(card, id="pro-adopting", for_accounts=for_accounts, measures=weighted)
    return rules_of(SHIPPED.catalogue, [*SHIPPED.cards, new])


async def test_a_new_scorecard_beside_the_old_is_told_as_such_at_once_and_before_any_event(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.restart(narrower("usage.breadth", "support.urgent"))
    assert fed.handler.waiting(0) == NOW
    await fed.feed(nps(2))
    rescored, event = (await fed.told())[-2:]
    assert (rescored.cause.kind, rescored.scorecard.partition("@")[0]) == ("scorecard", "pro-adopting")
    assert [(driver.kind, driver.name) for driver in rescored.drivers] == [("scorecard", "pro-adopting")]
    assert (event.cause.kind, event.drivers) == ("event", [])
    await fed.feed(usage(NOW, user="new"))
    assert (await fed.told())[-1].cause.kind == "usage"


async def test_a_feature_that_was_added_to_the_plan_is_told_as_a_change_of_rules(fed: Fed) -> None:
    await fed.feed(*customer())
    features = {**SHIPPED.catalogue.features, "pro": ("reports", "api", "telepathy")}
    await fed.restart(Rules(replace(SHIPPED.catalogue, features=features), SHIPPED.cards))
    await fed.catch_up()
    last = (await fed.told())[-1]
    assert (last.cause.kind, last.facts["usage.unused_features"]) == ("scorecard", ["telepathy"])


async def test_rules_that_did_not_change_make_nobody_wait_and_those_of_others_tell_nothing(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.feed(an_event("account.updated", account="tiny", traits={"plan": "starter"}))
    told = len(await fed.told()), len(await fed.told("tiny"))
    await fed.restart()
    assert fed.handler.waiting(0) is None
    await fed.restart(narrower("support.urgent"))
    await fed.catch_up()
    assert (len(await fed.told()), len(await fed.told("tiny"))) == (told[0] + 1, told[1])
    await fed.restart()
    assert fed.handler.waiting(0) is None


async def adopt(fed: Fed, rules: Rules) -> None:
    """Other rules come into force while the worker runs, which looks between two batches."""
    fed.rules = rules
    assert fed.handler.looks(0, NOW)
    await look(fed, NOW)
    assert fed.handler.waiting(0) == fed.now


async def test_a_running_worker_adopts_other_rules_and_says_so_before_any_event(fed: Fed) -> None:
    await fed.feed(*customer())
    await adopt(fed, narrower("usage.breadth", "support.urgent"))
    await fed.feed(nps(2))
    rescored, event = (await fed.told())[-2:]
    assert (rescored.cause.kind, rescored.scorecard.partition("@")[0]) == ("scorecard", "pro-adopting")
    assert (event.cause.kind, event.drivers) == ("event", [])
    assert (await fed.rows("SELECT marked_to FROM rules"))[0].marked_to is None


async def test_marking_goes_on_where_it_stopped_and_whoever_is_not_marked_yet_waits_all_the_same(fed: Fed) -> None:
    many = [f"a{number:04}" for number in range(620)]
    await fed.feed(*(an_event("account.updated", account=id, traits={"plan": "pro"}) for id in many))
    told = len(await fed.rows("SELECT id FROM outbox"))
    await adopt(fed, replace_bands(SHIPPED))
    assert (await fed.rows("SELECT marked_to FROM rules"))[0].marked_to == many[499]
    # Another owner goes on. What happens to an account that it has not come to yet is told after the rules' own doing.
    await fed.restart()
    await fed.feed(an_event("account.updated", account=many[-1], traits={"seats": 9}))
    assert [one.cause.kind for one in await fed.told(many[-1])] == ["event", "scorecard", "event"]
    await fed.catch_up()
    assert (await fed.rows("SELECT marked_to FROM rules"))[0].marked_to is None
    assert len(await fed.rows("SELECT id FROM outbox")) == told + len(many) + 1
    await fed.restart()
    assert fed.handler.waiting(0) is None


def replace_bands(rules: Rules) -> Rules:
    """The same cards, a little stricter."""
    return Rules(rules.catalogue, tuple(replace(card, bands=Bands(green=8000)) for card in rules.cards))


async def test_the_ledger_has_what_events_and_score_changes_did(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.feed(nps(2))
    await fed.pass_time(NOW + 30 * DAY)
    ledger = await fed.rows("SELECT rev, cause, score, previous_score, drivers FROM assessments ORDER BY rev")
    assert all(row.score != row.previous_score or row.cause["kind"] == "event" for row in ledger[1:])
    for row in ledger[1:]:
        if row.score is not None and row.previous_score is not None:
            assert sum(driver["points"] for driver in row.drivers) == row.score - row.previous_score


async def test_erasing_a_contact_takes_their_words_away(fed: Fed) -> None:
    await fed.feed(*customer())
    await fed.feed(a_contact("ada", "champion", traits={"name": "Ada Byron", "email": "ada@acme.example"}))
    await fed.feed(nps(2, contact="ada", comment="private words"))
    await fed.feed(nps(3, contact="ada", comment="more private words"), a_pulse(3, note="Ada Byron is cross"))
    await fed.feed(an_event("note.added", text="Called Ada Byron.", author="csm"), a_contact("ada", "left"))
    goal: dict[str, Any] = {
        "goal_id": "g",
        "title": "Ada Byron is trained",
        "due_at": (NOW + DAY).isoformat(),
        "author": "csm",
    }
    renewal: dict[str, Any] = {"renewal_id": "r", "forecast": "at_risk", "reason": "Ada Byron left", "author": "csm"}
    await fed.feed(an_event("goal.set", **goal), an_event("renewal.updated", **renewal))
    await fed.feed(an_event("contact.erased", contact_id="ada", texts=["Countess"]))
    late = a_contact("ada", "champion", traits={"name": "Ada Byron"}), nps(1, contact="ada", comment="private words")
    await fed.feed(*late)
    columns = [tuple(row) for row in await fed.rows(COLUMNS)]
    words = ("private words", "Ada Byron", "ada@acme")
    asked = dict(searches(columns, words, but=("log", "scoring.outbox")))
    assert [place for place, count in asked.items() if (await fed.rows(count))[0].count] == []
    [whom] = [one.erased for one in await fed.told() if one.erased is not None]
    assert whom.texts == ["Ada Byron", "Countess", "more private words", "private words"]


async def test_erasing_an_account_leaves_one_empty_row(fed: Fed) -> None:
    await fed.feed(*customer(), nps(2), a_ticket(), an_invoice())
    await fed.feed(an_event("account.erased"))
    await fed.feed(usage(NOW), nps(9))
    for table in ("users", "papers", "answers"):
        assert await fed.rows(f"SELECT * FROM {table}") == []
    (row,) = await fed.rows("SELECT name, score, gone FROM accounts")
    assert tuple(row) == (None, None, True)


async def test_users_who_are_long_gone_are_dropped(fed: Fed) -> None:
    await fed.feed(*customer(), usage(NOW - 89 * DAY, user="late"))
    await fed.pass_time(NOW + 5 * DAY)
    assert "late" not in {row.user_id for row in await fed.rows("SELECT user_id FROM users")}


async def test_a_tombstone_keeps_a_straggler_from_opening_a_ticket_again(fed: Fed) -> None:
    await fed.feed(traits(**KNOWN), a_ticket("T1", type="closed", at=NOW - 200 * DAY))
    await fed.restart()
    await fed.feed(a_ticket("T1", type="opened", at=NOW - 201 * DAY))
    assert (await fed.told())[-1].facts["support.open"] == 0


async def test_a_role_that_is_told_later_stands_beside_earlier_answers(fed: Fed) -> None:
    await fed.feed(nps(9, contact="ada"))
    await fed.feed(an_event("contact.updated", contact_id="ada", role="decision_maker"))
    assert [row.role for row in await fed.rows("SELECT role FROM answers")] == ["decision_maker"]


def replace_history(event: Event, import_id: str) -> Event:
    """The same event as history."""
    return an_event(event.type, at=event.time, id=event.id, account=event.subject, history=import_id, **_data(event))


def _data(event: Event) -> dict[str, Any]:
    return msgspec.json.decode(event.data)  # type: ignore[no-any-return]


# Interrupted sources

HOUR = timedelta(hours=1)
NOON = NOW.replace(minute=0)


async def an_hour_of(fed: Fed, begin: datetime, events: int, **more: Any) -> None:
    """So much use in an hour, after which the worker looks."""
    fed.now = begin + HOUR / 2
    await fed.feed(*[usage(fed.now, account="other", **more) for _ in range(events)])
    await look(fed, begin + HOUR)


async def look(fed: Fed, through: datetime) -> None:
    """As the loop does at each tick."""
    while fed.handler.looks(fed.partition, through):
        async with fed.uow.begin() as c:
            await fed.handler.look(c, fed.partition, through, through)


async def interrupted(fed: Fed) -> None:
    for week in (3, 2, 1):
        await an_hour_of(fed, NOON - week * 7 * DAY, 120)
    await an_hour_of(fed, NOON, 10)


async def test_a_source_that_falls_silent_for_everybody_is_interrupted_and_turns_nobody_red(
    engine: AsyncEngine,
) -> None:
    fed = Fed(engine, now=NOW - 30 * DAY)
    await fed.take()
    fed.now = NOW - DAY
    await fed.feed(*customer())
    await interrupted(fed)
    assert fed.handler.interrupted == {"usage": NOON}
    await fed.pass_time(NOW + 35 * DAY)
    assert (await fed.told())[-1].band != "red"
    await fed.restart()
    assert fed.handler.interrupted == {"usage": NOON}
    await an_hour_of(fed, NOON + 7 * DAY, 30)
    assert fed.handler.interrupted == {}
    begun, ended = await events_of_company(fed)
    told = [registry.data_of(event) for event in (begun, ended)]
    assert [(one.source, one.since, one.until) for one in told] == [
        ("usage", NOON, None),
        ("usage", NOON, NOON + 7 * DAY),
    ]


async def events_of_company(fed: Fed) -> list[Event]:
    """What was told about ourselves."""
    return [decode(row.value) for row in await fed.rows("SELECT value FROM outbox WHERE key = '$company' ORDER BY id")]


async def test_playbooks_hear_of_an_interruption_and_of_its_end(fed: Fed) -> None:
    await interrupted(fed)
    (begun,) = await events_of_company(fed)
    await fed.feed(begun, begun)
    await an_hour_of(fed, NOON + 7 * DAY, 30)
    *_, ended = await events_of_company(fed)
    await fed.restart()
    await fed.feed(begun, ended)
    told = [registry.data_of(event) for event in await events_of_company(fed) if event.type == "account.assessed"]
    assert [(one.rev, one.cause.type, one.facts.get("sources.interrupted"), one.score) for one in told] == [
        (1, "source.interrupted", ["usage"], None),
        (2, "source.interrupted", None, None),
    ]
    assert await fed.rows("SELECT 1 FROM accounts WHERE id = '$company'") == []


async def test_history_and_repeats_are_no_sign_of_life(fed: Fed) -> None:
    once = usage(NOW)
    await fed.feed(once, once, replace_history(usage(NOW), "imp"), usage(NOW - 3 * DAY))
    counted = await fed.rows("SELECT source, events FROM source_hours ORDER BY hour")
    assert sum(row.events for row in counted) == 2


async def test_no_hour_is_judged_before_every_partition_has_counted_it(fed: Fed) -> None:
    other = Fed(fed.engine)
    other.partition = 1
    await other.take()
    async with fed.uow.begin() as c:
        await fed.handler.look(c, 0, NOON, NOON)
    assert fed.handler.looks(0, NOON)
    midnight = NOON.replace(hour=0)
    assert not fed.handler.turns(NOON, midnight + timedelta(seconds=59))
    assert fed.handler.turns(NOON, midnight + timedelta(seconds=60))
    async with fed.uow.begin() as c:
        await other.handler.look(c, 1, NOON, NOON)
    await look(fed, NOON)
    assert fed.handler.turns(NOON, midnight)


# NPS over all accounts

DAWN = NOW.replace(hour=0, minute=10)


async def drops(fed: Fed, days: int) -> list[tuple[str | None, float, float]]:
    """What was told of, after the worker has looked on that day."""
    await look(fed, DAWN + days * DAY)
    told = [registry.data_of(event) for event in await events_of_company(fed) if event.type == "nps.dropped"]
    return [(one.product, one.before, one.now) for one in told]


async def test_a_drop_of_nps_is_told_a_week_after_it_began_and_once_in_ninety_days(fed: Fed) -> None:
    happy = [nps(9, contact=f"a{n}", at=DAWN - 100 * DAY, product="crm") for n in range(40)]
    await fed.feed(*customer(), *happy, *[nps(3, contact=f"b{n}", at=DAWN - 3 * DAY) for n in range(40)])
    assert await drops(fed, 0) == [], "not so a week ago"
    await fed.restart()
    assert not await fed.rows("SELECT 1 FROM nps_drops")
    assert await drops(fed, 5) == [(None, 100.0, -100.0)]
    await fed.restart()
    assert len(await drops(fed, 6)) == 1
    (event,) = [one for one in await events_of_company(fed) if one.type == "nps.dropped"]
    await fed.feed(event, event)
    (told,) = [registry.data_of(one) for one in await events_of_company(fed) if one.type == "account.assessed"]
    assert (told.cause.type, told.cause.data["n_now"]) == ("nps.dropped", 40)
    assert [row.type for row in await fed.rows("SELECT type FROM timeline WHERE account_id = '$company'")] == [
        "nps.dropped"
    ]


async def test_nps_is_not_compared_while_history_comes_in(fed: Fed) -> None:
    await fed.feed(replace_history(nps(9), "imp"))
    for _ in range(3):
        async with fed.uow.begin() as c:
            await fed.handler.look(c, fed.partition, DAWN, DAWN)
    assert await fed.rows("SELECT 1 FROM counted_hours WHERE compared IS NOT NULL") == []
    await fed.end_import("imp")
    await look(fed, DAWN)
    assert len(await fed.rows("SELECT 1 FROM counted_hours WHERE compared IS NOT NULL")) == 1


async def test_only_what_imports_bring_alone_may_come_together(fed: Fed) -> None:
    old, live = usage(NOW - 90 * DAY, id="old", history="crm"), usage(id="live")
    found = []
    for batches in ([old], [live], [usage(NOW - 91 * DAY, id="older", history="crm"), usage(id="other")], []):
        for event in batches:
            await fed.feed(event)
        found.append(fed.handler.gathers() > 0)
    await fed.end_import("crm")
    assert [*found, fed.handler.gathers() > 0] == [True, False, False, False, False]
