import msgspec
import pytest

from shared.conditions import Facts, LeafReading, Scope, Truth, described, facts_of, leaves, parse
from tests.support.conditions import NOW, ago, ahead, facts


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ("usage.breadth < 40 %", "usage breadth is 25 %, under 40 %"),
        ("usage.breadth >= 40 %", "usage breadth is 25 %, under 40 %"),
        ("account.plan == pro", "plan is pro"),
        ("account.plan == free", "plan is pro, not free"),
        ("account.plan != free", "plan is pro, not free"),
        ("account.plan != pro", "plan is pro"),
        ("account.plan in [pro, enterprise]", "plan is pro"),
        ("account.plan in [free, enterprise]", "plan is pro, not one of free, enterprise"),
        ("account.plan not in [free, enterprise]", "plan is pro, not one of free, enterprise"),
        ("account.plan not in [pro, enterprise]", "plan is pro, one of pro, enterprise"),
        ("account.churned", "customer left: no"),
        ("usage.unused_features contains reports", "unused features include reports"),
        ("usage.unused_features contains alerts", "unused features do not include alerts"),
        ("days_since account.signed_at >= 14", "14 days since signing, at least 14 days"),
        ("days_until account.renews_at <= 45d", "41 days until renewal, at most 45 days"),
        ("billing.overdue >= 1 week", "overdue time is 1 day, under 7 days"),
        ("account.renews_at < 2026-05-01", "renewal is 12 Apr 2026, 09:00 UTC, before 1 May 2026"),
        ("health.score is known", "health score is unknown: too little data"),
        ("days_since account.churned_at > 3", "the customer is not known to have left"),
        ("account.churned_at is unknown", "the customer is not known to have left"),
        ("account.signed_at is known", "signing on 16 Feb 2026"),
        ("days_since usage.last_seen_at <= 30 days", "less than a day since last use"),
        ("usage.trend <= -40 %", "change of usage is −97.1 %, at most −40 %"),
        ("health.score > 50", "health score is unknown: too little data"),
        ("support.urgent >= 1", "1 open urgent ticket, at least 1"),
        ("account.name contains wind", "name has wind"),
        ("points.usage.breadth < 50", "30 usage breadth points, under 50"),
        ("health.coverage < 40 %", "health coverage is 39.96 %, under 40 %"),
    ],
)
def test_a_leaf_in_words(leaf: str, words: str) -> None:
    known = Facts.of(
        {
            "usage.breadth": 25,
            "account.plan": "pro",
            "account.name": "Northwind",
            "points.usage.breadth": 30.0,
            "account.churned": False,
            "usage.unused_features": ["reports", "exports"],
            "account.signed_at": ago(days=14),
            "account.renews_at": ahead(days=41),
            "billing.overdue_since": ago(days=1),
            "support.urgent": 1,
            "usage.last_seen_at": ago(days=0.01),
            "usage.trend": -97.1,
            "health.coverage": 39.96,
        },
        reasons={"health.score": "too little data"},
    )
    assert leaves(parse(leaf), known, NOW)[0].words == words


@pytest.mark.parametrize(
    ("leaf", "since", "words"),
    [
        ("days_since account.signed_at > 365", ago(days=365.0004), "365 days since signing"),
        ("days_since account.signed_at >= 365", ago(days=365.0004), "365 days since signing, at least 365 days"),
        ("days_since account.signed_at > 30 days", ago(days=365.9), "365 days since signing, over 30 days"),
        ("days_since account.signed_at > 36 h", ago(days=1.7), "1 day since signing"),
    ],
)
def test_days_that_pass_are_whole(leaf: str, since: str, words: str) -> None:
    assert leaves(parse(leaf), facts(account__signed_at=since), NOW)[0].words == words


@pytest.mark.parametrize(
    ("leaf", "renews_at", "words"),
    [
        ("days_until account.renews_at <= 45", ago(days=3), "3 days since renewal"),
        ("days_until account.renews_at > 45", ago(hours=3), "less than a day since renewal"),
        ("days_until account.renews_at <= -1", ago(days=3), "3 days since renewal, at least 1 day"),
        ("days_until account.renews_at >= -1", ago(days=3), "3 days since renewal, over 1 day"),
        ("days_until account.renews_at in [-3, 5]", ago(days=3), "3 days since renewal"),
        ("days_since account.renews_at >= 14", ahead(days=3), "3 days until renewal"),
        ("days_since account.renews_at < -1", ahead(days=3), "3 days until renewal, over 1 day"),
        ("days_since account.renews_at >= 14", ahead(hours=3), "less than a day until renewal"),
        ("days_until account.renews_at > -1", ahead(days=3), "3 days until renewal"),
    ],
)
def test_days_are_counted_towards_where_the_instant_lies(leaf: str, renews_at: str, words: str) -> None:
    assert leaves(parse(leaf), facts(account__renews_at=renews_at), NOW)[0].words == words


@pytest.mark.parametrize(
    ("leaf", "value", "words"),
    [
        ("support.load > 5", 1, "support load is 1 ticket per 10 seats, at most 5 tickets per 10 seats"),
        ("support.opened > 5", 12, "12 newly opened tickets, over 5"),
        ("usage.active_users < 5", 1, "1 active user, under 5"),
        ("points.usage.active_share < 50", 30, "30 usage active share points, under 50"),
        ("usage.trend < 10 %", -0.04, "change of usage is 0 %, under 10 %"),
        ("health.change.7d <= -10", -27.0, "change of health in 7 days is −27 points, at most −10 points"),
    ],
)
def test_numbers_are_said_with_their_unit_as_people_count(leaf: str, value: float, words: str) -> None:
    [name] = facts_of(parse(leaf))
    assert leaves(parse(leaf), Facts.of({name: value}), NOW)[0].words == words


@pytest.mark.parametrize(
    ("leaf", "currency", "words"),
    [
        ("account.mrr_minor >= 100000", "EUR", "monthly revenue is €4,200, at least €1,000"),
        ("account.mrr_minor < 100000", "EUR", "monthly revenue is €4,200, at least €1,000"),
        ("account.mrr_minor >= 500000", "JPY", "monthly revenue is ¥420,000, under ¥500,000"),
        (
            "account.mrr_minor in [100000, 99950]",
            "CHF",
            "monthly revenue is CHF 4,200, not one of CHF 1,000, CHF 999.50",
        ),
        ("account.mrr_minor != 420000", "EUR", "monthly revenue is €4,200"),
        ("billing.overdue_minor > 0", "EUR", "overdue amount is €450.50, over €0"),
        ("account.mrr_minor >= 100000", None, "monthly revenue is 420,000 minor units, at least 100,000 minor units"),
    ],
)
def test_money_is_said_in_the_accounts_currency(leaf: str, currency: str | None, words: str) -> None:
    known = facts(account__mrr_minor=420_000, account__currency=currency, billing__overdue_minor=45_050)
    assert leaves(parse(leaf), known, NOW)[0].words == words


def test_money_of_an_event_is_said_in_the_events_currency() -> None:
    scope = Scope(event_type="invoice.payment_failed")
    known = facts(event__amount_minor=9_900, event__currency="USD", account__currency="EUR")
    [seen] = leaves(parse("event.amount_minor >= 5000", scope), known, NOW)
    assert (seen.words, seen.value) == ("amount is $99, at least $50", "$99")


def test_each_leaf_keeps_the_value_that_it_saw() -> None:
    condition = parse(["usage.breadth < 40 %", {"any": ["health.score < 50", "usage.unused_features contains x"]}])
    seen = leaves(condition, facts(usage__breadth=41.26, usage__unused_features=["a", "b"]), NOW)
    assert [(one.text, one.value, one.truth) for one in seen] == [
        ("usage.breadth < 40 %", "41.3 %", Truth.FALSE),
        ("health.score < 50 points", "unknown", Truth.UNKNOWN),
        ("usage.unused_features contains x", "a, b", Truth.FALSE),
    ]


def test_readings_can_be_stored() -> None:
    seen = leaves(parse("usage.breadth < 40 %"), facts(usage__breadth=25), NOW)
    assert msgspec.json.decode(msgspec.json.encode(seen), type=list[LeafReading]) == seen


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("billing.overdue >= 30 days", "overdue time at least 30 days"),
        (
            ["support.urgent >= 1", {"not": "account.plan in [free, trial]"}],
            "open urgent tickets at least 1, and not plan one of free, trial",
        ),
        (
            {"any": ["health.band == red", "contacts.champion_left_at is known"]},
            "health is red, or the champion left is known",
        ),
    ],
)
def test_a_condition_in_words(condition: object, words: str) -> None:
    assert described(parse(condition)) == words


def test_a_condition_on_money_in_words() -> None:
    condition = parse({"any": ["billing.overdue_minor >= 50000", {"not": "account.mrr_minor > 0"}]})
    assert described(condition, "EUR") == "overdue amount at least €500, or not monthly revenue over €0"
