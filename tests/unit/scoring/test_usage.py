"""How an account uses the product, in a customer-success manager's words: silence, change, people, features."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.scoring.core.catalogue import CADENCES, Catalogue
from services.scoring.core.clock import day_of
from services.scoring.core.health import Health, health_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import View, points_on
from services.scoring.core.pruning import prune
from services.scoring.core.scorecard import Cap, Rules, Scorecard, Weighted
from services.scoring.core.state import Account
from shared.conditions import parse
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NEWCOMER,
    NOW,
    SHIPPED,
    after,
    an_account,
    an_invoice,
    assessed,
    busy,
    nps,
    read,
    told,
    traits,
    usage,
)

TODAY = day_of(NOW)
DECLARED = replace(SHIPPED.catalogue, sources={"usage": TODAY - 400})
USAGE = ("usage.recency", "usage.trend", "usage.active_share", "usage.breadth")


def of(account: Account, now: datetime = NOW, catalogue: Catalogue = SHIPPED.catalogue, *caps: str) -> Health:
    """Its health by a card of the four measures of usage, held by these caps at red."""
    weighted = tuple(Weighted(name, 25, MEASURES[name].curve) for name in USAGE)
    held = tuple(Cap("red", parse(cap)) for cap in caps)
    return health_of(account, now, Rules(catalogue, (Scorecard("usage", 1, "usage", weighted, caps=held),)))


def facts(account: Account, now: datetime = NOW, catalogue: Catalogue = SHIPPED.catalogue) -> dict[str, Any]:
    """Its facts."""
    return of(account, now, catalogue).facts


def uses(days: Iterable[int], times: int = 1, **more: Any) -> list[Event]:
    """So many uses on each of some days, counted back from now; by nobody who is named."""
    return [usage(NOW - day * DAY, user=None, **more) for day in days for _ in range(times)]


def cadence(name: str) -> Catalogue:
    """The catalogue whose plan `pro` is used so often."""
    return replace(SHIPPED.catalogue, cadence={"pro": CADENCES[name]})


class TestSilence:
    """Nothing after something is the worst, never a lack of data."""

    def test_six_weeks_without_any_use_are_the_worst_of_every_measure(self) -> None:
        account = an_account(*busy(range(42, 75), users=15))
        health = of(account)
        assert read("usage.recency", account) == (30, "no use for 42 days; 15 people used it before")
        assert read("usage.trend", account)[0] == -100
        assert read("usage.active_share", account) == (0, "none of 10 seats in use in 30 days")
        assert read("usage.breadth", account) == (0, "none of 6 features of the plan in use")
        assert (health.score.points, health.score.coverage) == (0, 10_000)
        assert health.reason == "no use for 42 days; 15 people used it before"
        assert health.facts["usage.silence"] == 30
        assert health.facts["usage.uses"] == 33 * 15 * 2

    def test_it_holds_whatever_is_paid_meanwhile_and_says_why(self) -> None:
        paid = [an_invoice("paid", f"I-{n}", at=NOW - n * DAY, due_at=(NOW - n * DAY).isoformat()) for n in (5, 35)]
        account = an_account(*busy(range(42, 75), users=15), *paid)
        silent = Cap("red", parse(["usage.silence >= 15", "usage.uses >= 20"]))
        measures = (
            *of(account).card.measures,
            Weighted("billing.punctuality", 300, MEASURES["billing.punctuality"].curve),
        )
        card = Scorecard("paid", 1, "paid", measures, caps=(silent,))
        health = health_of(account, NOW, Rules(SHIPPED.catalogue, (card,)))
        assert health.score.points == 4900
        assert health.reason == "at most red: no use for 42 days; 15 people used it before"

    def test_the_windows_that_are_empty_stay_data_however_long_it_lasts(self) -> None:
        account = an_account(*busy(range(3), now=NOW - 300 * DAY))
        prune(account.state, TODAY)
        assert [read(name, account)[0] for name in USAGE] == [65, -100, 0, 0]
        assert read("usage.recency", account)[1] == "no use since 24 Jul 2025"
        assert read("usage.trend", account)[1] == "no use in 14 days"

    def test_recency_counts_working_days(self) -> None:
        friday, monday = NOW - 5 * DAY, NOW - 2 * DAY
        account = an_account(usage(friday))
        assert read("usage.recency", account, friday + 2 * DAY) == (0, "in use")
        assert read("usage.recency", account, monday) == (1, "no use for 3 days; 1 person used it before")
        assert read("usage.recency", account)[0] == facts(account)["usage.silence"] == 3

    def test_who_used_it_before_is_said_only_while_all_of_it_is_remembered(self) -> None:
        account = an_account(*busy(range(5)))
        for days, known in ((61, True), (62, False)):
            assert ("8 people" in read("usage.recency", account, NOW + days * DAY)[1]) is known

    def test_closed_days_are_no_silence(self) -> None:
        account = an_account(usage(NOW - 12 * DAY))
        closed = replace(SHIPPED.catalogue, closed=tuple(range(TODAY - 11, TODAY - 1)))
        assert read("usage.recency", account)[0] == 8
        assert read("usage.recency", account, catalogue=closed)[0] == 2
        assert facts(account, catalogue=closed)["usage.silence"] == 2


class TestUsageAlone:
    def test_a_score_by_usage_alone_says_so(self) -> None:
        alone = after(traits(NOW - 90 * DAY, name="Acme"), *busy(range(60)))
        assert health_of(alone, NOW, SHIPPED).reason == "judged by usage alone"
        after(nps(9), account=alone)
        assert health_of(alone, NOW, SHIPPED).reason == ""


class TestNeverUsed:
    """An account that never began has no data, until it could have been heard of for a month."""

    def test_without_a_declaration_nothing_is_known(self) -> None:
        account = an_account(signed=NOW - 150 * DAY)
        assert {read(name, account)[0] for name in USAGE} == {None}
        assert not {"usage.never", "usage.silence", "usage.uses"} & facts(account).keys()
        assert of(an_account(signed=NOW)).score.why_unknown == "nothing is known yet"

    def test_pays_and_never_used_for_a_month_is_the_worst(self) -> None:
        account = an_account(signed=NOW - 150 * DAY)
        assert facts(account, catalogue=DECLARED)["usage.never"] == 150
        health = of(account, NOW, DECLARED, "usage.never >= 30 days")
        assert health.score.points == 0
        assert health.readings["usage.recency"].words == "pays, never used"
        assert health.reason == "pays, never used"
        assert points_on(MEASURES["usage.recency"].curve, health.readings["usage.recency"].raw or 0) == 0
        assert [read(name, account, catalogue=DECLARED)[0] for name in USAGE[1:]] == [None, 0, 0]

    @pytest.mark.parametrize(("signed", "declared"), [(29, 400), (400, 29)])
    def test_the_month_begins_with_the_later_of_signing_and_the_declaration(self, signed: int, declared: int) -> None:
        account = an_account(signed=NOW - signed * DAY)
        catalogue = replace(SHIPPED.catalogue, sources={"usage": TODAY - declared})
        assert read("usage.recency", account, catalogue=catalogue) == (None, "no usage yet")
        assert read("usage.recency", account, NOW + DAY, catalogue)[1] == "pays, never used"
        assert facts(account, catalogue=catalogue)["usage.never"] == 29

    def test_who_pays_nothing_is_not_said_to_pay(self) -> None:
        account = an_account(mrr_minor=0)
        assert read("usage.recency", account, catalogue=DECLARED)[1] == "never used"
        assert "usage.never" not in facts(account, catalogue=DECLARED)

    def test_one_use_ends_it(self) -> None:
        account = an_account(usage(), signed=NOW - 150 * DAY)
        assert "usage.never" not in facts(account, catalogue=DECLARED)
        assert read("usage.recency", account, catalogue=DECLARED) == (0, "in use")


class TestTrend:
    """Uses a day: the last 14 full days against the 56 before them."""

    def test_it_compares_uses_a_day_and_leaves_today_out(self) -> None:
        account = an_account(*uses(range(15, 90), 8), *uses(range(1, 15), 2), *uses([0], 500))
        assert read("usage.trend", account) == (-75, "usage fell by 75 %, from 8 to 2 uses a day")

    def test_uses_are_events_whatever_their_quantities(self) -> None:
        account = an_account(*uses(range(15, 90), 3, quantity=1000), *uses(range(1, 15), 6, quantity=0.5))
        assert read("usage.trend", account) == (100, "usage grew by 100 %, from 3 to 6 uses a day")

    def test_the_first_seven_days_are_no_yardstick(self) -> None:
        account = an_account(*uses(range(36, 43), 100), *uses(range(1, 36), 5))
        assert read("usage.trend", account) == (0, "usage is steady")

    def test_it_needs_two_weeks_to_compare_with(self) -> None:
        assert read("usage.trend", an_account(*uses(range(35), 5)))[0] is None
        assert read("usage.trend", an_account(*uses(range(36), 5))) == (0, "usage is steady")

    @pytest.mark.parametrize(
        ("before", "now", "raw"),
        [
            (31, 8, 0.0),  # 39 uses: too few to say anything
            (56, 26, 85.7),  # z = 2.65
            (56, 22, 0.0),  # z = 1.80
            (56, 6, -57.1),  # z = 2.01
            (56, 7, 0.0),  # z = 1.77
            (3, 0, -100.0),  # an empty later window is never noise
            (0, 0, -100.0),
            (0, 39, 0.0),
            (0, 40, 100.0),
        ],
    )
    def test_a_change_within_chance_is_none_but_an_empty_window_is(self, before: int, now: int, raw: float) -> None:
        events = [*uses([80]), *uses([20], before), *uses([3], now)]
        assert read("usage.trend", an_account(*events))[0] == pytest.approx(raw, abs=0.05)

    def test_use_after_a_long_silence_is_said_so(self) -> None:
        account = an_account(*uses([89]), *uses([2], 42))
        assert read("usage.trend", account)[1] == "in use again: 3 uses a day in 14 days, none in 56 days before"

    def test_closed_days_are_in_neither_window(self) -> None:
        holidays = (*range(TODAY - 14, TODAY - 4), *range(TODAY - 60, TODAY - 50))
        closed = replace(SHIPPED.catalogue, closed=tuple(sorted(holidays)))
        worked = [day for day in range(1, 90) if TODAY - day not in holidays]
        account = an_account(*uses(worked, 5))
        assert read("usage.trend", account)[0] == pytest.approx(-65.2, abs=0.05)
        assert read("usage.trend", account, catalogue=closed) == (0, "usage is steady")
        all_closed = replace(SHIPPED.catalogue, closed=tuple(range(TODAY - 14, TODAY)))
        assert read("usage.trend", account, catalogue=all_closed) == (None, "closed for all of the last 14 days")

    def test_by_a_monthly_cadence_it_looks_at_months_and_by_a_quarterly_one_at_nothing(self) -> None:
        account = an_account(*uses([150]), *uses([40, 70], 60), *uses([10], 30))
        assert read("usage.trend", account, catalogue=cadence("monthly")) == (
            -50,
            "usage fell by 50 %, from 2 to 1 use a day",
        )
        raw, words = read("usage.trend", account, catalogue=cadence("quarterly"))
        assert (raw, words) == (None, "its plan is used quarterly: too seldom for a trend")


class TestChange:
    """Use of so many full days against as many before."""

    def test_it_compares_two_windows_of_equal_length_and_leaves_today_out(self) -> None:
        account = an_account(*uses(range(1, 8), 4), *uses(range(8, 15), 10), *uses(range(15, 70), 4), *uses([0], 99))
        found = facts(account)
        assert [round(found[f"usage.change.{days}d"]) for days in (7, 14, 30)] == [-60, 75, 35]

    def test_chance_is_no_change_and_too_short_a_past_no_data(self) -> None:
        steady = an_account(*uses(range(1, 8), 9), *uses(range(8, 16), 10))
        assert [facts(steady).get(f"usage.change.{days}d") for days in (7, 14)] == [0, None]
        assert "usage.change.7d" not in facts(an_account())

    def test_it_flips_at_midnight(self) -> None:
        account = an_account(*uses(range(1, 15), 10))
        assert [facts(account, NOW + days * DAY).get("usage.change.7d") for days in (0, 7, 20)] == [0, -100, None]
        assert assessed(account, now=NOW + 6 * DAY).next_at == (NOW + 7 * DAY).replace(hour=0)


class TestYear:
    """What falls every summer is said to, and scored as what it is."""

    def account(self, last_year: int, now: int, pruned: bool = True) -> Account:
        """Five uses a day but for the last five weeks, and those of a year ago."""
        account = an_account(signed=NOW - 500 * DAY)
        for day in reversed(range(1, 420)):
            times = now if day <= 35 else last_year if 364 < day <= 399 else 5
            after(*uses([day], times), account=account)
            if pruned:
                prune(account.state, TODAY - day)
        return account

    def test_a_fall_that_repeats_last_years_is_said_to(self) -> None:
        account = self.account(last_year=2, now=2)
        assert facts(account)["usage.year_on_year"] == 0
        assert read("usage.trend", account)[1].endswith("uses a day; as in the same weeks a year ago")
        assert len(account.state.weeks) <= 60

    def test_one_that_does_not_is_measured(self) -> None:
        account = self.account(last_year=5, now=2)
        assert facts(account)["usage.year_on_year"] == -60
        assert read("usage.trend", account)[1].endswith("; 60 % less than in the same weeks a year ago")

    def test_the_points_are_the_same_either_way(self) -> None:
        one, other = (of(self.account(last_year, 2)).readings["usage.trend"].points for last_year in (2, 5))
        assert one == other

    def test_forgetting_days_early_or_late_leaves_the_same(self) -> None:
        early, late = self.account(2, 2), self.account(2, 2, pruned=False)
        for one in (early, late):
            prune(one.state, TODAY)
        assert (early.state.weeks, early.state.usage) == (late.state.weeks, late.state.usage)

    def test_without_a_year_of_use_it_is_not_known(self) -> None:
        assert "usage.year_on_year" not in facts(an_account(*uses(range(1, 90), 5)))


class TestPeopleAndOthers:
    """Who acts is known: people make active users and silence, everybody makes recency and trend."""

    def test_people_fewer_by_80_percent_while_integrations_do_five_times_the_work_is_said_so(self) -> None:
        people = [*busy(range(15, 90), users=5), *busy(range(1, 15), users=1)]
        sync = [*uses(range(15, 90), 4, actor="integration"), *uses(range(1, 15), 20, actor="integration")]
        account = an_account(*people, *sync)
        health = of(account, NOW, SHIPPED.catalogue, "usage.silence >= 15")
        assert read("usage.trend", account)[1] == (
            "usage grew by 57 %, from 14 to 22 uses a day: people −80 %, integrations ×5"
        )
        assert health.facts["usage.people_trend"] == -80
        assert [health.facts[f"usage.{name}"] for name in ("level", "level_before")] == [22, 14]
        assert [health.facts[f"usage.people_level{when}"] for when in ("", "_before")] == [2, 10]
        assert health.facts["usage.silence"] == 1, "people used it yesterday"
        assert health.score.cap is None
        assert health.facts["usage.agent_share"] == 66, "340 of 518 in 30 days"

    def test_where_people_were_and_are_not_it_is_silent_whatever_others_do(self) -> None:
        account = an_account(*busy(range(42, 75), users=15), *uses(range(90), 8, actor="agent"))
        assert read("usage.recency", account) == (
            0,
            "in use by agents alone; no use by people for 42 days; 15 people used it before",
        )
        found = facts(account)
        assert (found["usage.silence"], found["usage.people_trend"], found["usage.agent_share"]) == (30, -100, 100)
        health = of(account, NOW, SHIPPED.catalogue, "usage.silence >= 15")
        (cap,) = health.card.caps
        assert health.in_words(cap).startswith("at most red: no use by people for 42 days; 15 people used it before")

    def test_where_people_never_were_others_keep_it_from_silence(self) -> None:
        account = an_account(*uses(range(90), actor="integration"))
        found = facts(account)
        assert (found["usage.silence"], found["usage.agent_share"]) == (0, 100)
        assert "usage.people_trend" not in found
        assert facts(account, NOW + 7 * DAY)["usage.silence"] == 5

    def test_only_people_are_active_users(self) -> None:
        account = an_account(usage(), usage(user="bot", actor="agent"), usage(user="eve", actor="human"))
        assert facts(account)["usage.active_users"] == 2
        assert read("usage.active_share", account)[0] == 20
        bots = an_account(usage(user="bot", actor="integration"))
        assert read("usage.active_share", bots) == (None, "usage comes without user ids")

    def test_without_use_in_30_days_nothing_is_anybody_s_share(self) -> None:
        assert "usage.agent_share" not in facts(an_account(*busy([40])))
        assert facts(an_account(*busy([4])))["usage.agent_share"] == 0


class TestCadence:
    """Who comes once a month is not silent after two weeks."""

    @pytest.mark.parametrize(("name", "cycle"), [("weekly", 7), ("monthly", 31), ("quarterly", 92)])
    def test_recency_counts_missed_cycles(self, name: str, cycle: int) -> None:
        account, catalogue = an_account(usage()), cadence(name)

        def points(days: float) -> float:
            raw = read("usage.recency", account, NOW + days * DAY, catalogue)[0]
            assert raw == facts(account, NOW + days * DAY, catalogue)["usage.silence"]
            return points_on(MEASURES["usage.recency"].curve, raw or 0) / 100

        assert [points(cycle * missed) for missed in range(5)] == [100, 60, 20, 0, 0]
        assert [points(cycle * missed - 1) for missed in (1, 2, 3)] == [100, 60, 20]
        assert facts(account, NOW + 3 * cycle * DAY, catalogue)["usage.silence"] >= 15

    def test_it_says_how_many_were_missed(self) -> None:
        words = read("usage.recency", an_account(usage()), NOW + 40 * DAY, cadence("monthly"))[1]
        assert words == "no use for 40 days, 1 monthly cycle missed; 1 person used it before"

    def test_closed_days_miss_no_cycle(self) -> None:
        catalogue = replace(cadence("weekly"), closed=(TODAY + 3,))
        account = an_account(usage())
        assert read("usage.recency", account, NOW + 7 * DAY, catalogue)[0] == 0
        assert read("usage.recency", account, NOW + 8 * DAY, catalogue)[0] == 5

    @pytest.mark.parametrize(("name", "last"), [("monthly", 61), ("quarterly", 183)])
    def test_an_empty_window_is_no_data_until_two_cycles_were_missed(self, name: str, last: int) -> None:
        account, catalogue = an_account(*busy([last])), cadence(name)
        words = f"too early to say: at most one {name} cycle was missed"
        for measure in ("usage.active_share", "usage.breadth"):
            assert read(measure, account, catalogue=catalogue) == (None, words)
            assert read(measure, account, NOW + DAY, catalogue)[0] == 0

    def test_by_a_quarterly_one_who_was_there_in_90_days_is_active(self) -> None:
        account = an_account(*busy([60], users=4))
        assert read("usage.active_share", account) == (0, "none of 10 seats in use in 30 days")
        assert read("usage.active_share", account, catalogue=cadence("quarterly")) == (
            40,
            "4 of 10 seats in use in 90 days",
        )
        assert read("usage.breadth", account, catalogue=cadence("quarterly"))[0] == pytest.approx(100 / 3)

    @pytest.mark.parametrize(
        ("features", "cadence"),
        [
            (["payroll"], "monthly"),
            (["payroll", "filing"], "monthly"),
            (["filing"], "quarterly"),
            (["payroll", "reports"], "daily"),
            ([], "daily"),
        ],
    )
    def test_who_uses_seldom_features_alone_comes_as_often_as_the_most_frequent_of_them(
        self, features: list[str], cadence: str
    ) -> None:
        by_feature = {"payroll": CADENCES["monthly"], "filing": CADENCES["quarterly"]}
        catalogue = replace(SHIPPED.catalogue, cadence=by_feature)
        account = an_account(*(usage(feature=name) for name in features))
        assert View(account, NOW, catalogue).cadence.name == cadence
        by_plan = replace(catalogue, cadence={**by_feature, "pro": CADENCES["weekly"]})
        assert View(account, NOW, by_plan).cadence.name == "weekly"

    def test_a_payroll_that_is_run_once_a_month_misses_nothing_in_a_fortnight(self) -> None:
        catalogue = replace(SHIPPED.catalogue, cadence={"payroll": CADENCES["monthly"]})
        account = an_account(usage(feature="payroll"))
        assert read("usage.recency", account, NOW + 20 * DAY, catalogue)[0] == 0
        assert read("usage.recency", account, NOW + 31 * DAY, catalogue)[0] == 5
        busier = an_account(usage(feature="payroll"), usage(feature="reports"))
        assert read("usage.recency", busier, NOW + 20 * DAY, catalogue)[0] == 14

    def test_another_plan_is_daily(self) -> None:
        account = an_account(usage(), plan="starter")
        assert read("usage.recency", account, NOW + 7 * DAY, cadence("monthly"))[0] == 5


class TestSeats:
    """How many of the paid seats are in use."""

    def test_people_are_counted_once(self) -> None:
        account = an_account(*busy([0, 3, 29], users=4), usage(NOW - 30 * DAY, user="late"))
        assert read("usage.active_share", account) == (40, "4 of 10 seats in use in 30 days")

    def test_user_ids_and_seats_are_needed(self) -> None:
        assert read("usage.active_share", an_account(usage(user=None)))[1] == "usage comes without user ids"
        assert read("usage.active_share", an_account(usage(), seats=0))[1] == "the number of seats is not known"

    def test_two_of_five_hundred_is_next_to_nothing(self) -> None:
        account = an_account(*busy(range(60), users=2), seats=500)
        raw, words = read("usage.active_share", account)
        assert (raw, words) == (0.4, "2 of 500 seats in use in 30 days")
        assert points_on(MEASURES["usage.active_share"].curve, raw or 0) < 100


class TestFeatures:
    """What a plan contains is judged only where it is declared."""

    def test_breadth_is_measured_against_the_plan_so_that_what_it_lacks_never_counts(self) -> None:
        used = [usage(feature=name) for name in ("reports", "dashboards", "sso")]
        assert read("usage.breadth", an_account(*used, plan="starter"))[0] == pytest.approx(200 / 3)
        assert read("usage.breadth", an_account(*used, plan="pro"))[0] == pytest.approx(100 / 3)
        odd = read("usage.breadth", an_account(*used, plan="odd"))
        assert odd == (None, "the features of its plan are not declared")

    def test_a_new_installation_judges_nobody_by_features_or_milestones(self) -> None:
        account = an_account(*busy(range(60), features=("kanban", "gantt", "burndown")), signed=NOW - 20 * DAY)
        health = health_of(account, NOW, NEWCOMER)
        assert health.readings["usage.breadth"].points is None
        assert health.readings["onboarding.progress"].points is None
        assert not {"usage.unused_features", "usage.used_features", "onboarding.missing"} & health.facts.keys()
        assert "feature" not in health.reason


class TestWatched:
    """How much of a feature was used is a fact where the catalogue watches it."""

    WATCHING = replace(SHIPPED.catalogue, watch=("messages", "exports"))

    def of(self, account: Account, now: datetime = NOW) -> dict[str, Any]:
        return {name: value for name, value in facts(account, now, self.WATCHING).items() if "feature." in name}

    def test_it_sums_its_quantity_over_full_days(self) -> None:
        sent = [usage(NOW - day * DAY, "messages", quantity=2.5) for day in (0, 1, 7, 8, 30, 31, 60)]
        assert self.of(an_account(*sent)) == {
            "usage.feature.messages.days_7": 5,
            "usage.feature.messages.days_30": 10,
            "usage.feature.exports.days_7": 0,
            "usage.feature.exports.days_30": 0,
        }

    def test_it_is_known_once_the_account_has_been_in_use_for_so_long(self) -> None:
        account = an_account(usage(NOW, "messages"))
        assert self.of(account) == {}
        assert set(self.of(account, NOW + 6 * DAY)) == set()
        assert self.of(account, NOW + 7 * DAY) == {
            "usage.feature.messages.days_7": 1,
            "usage.feature.exports.days_7": 0,
        }
        assert self.of(an_account()) == {}

    def test_the_one_that_fell_most_is_named(self) -> None:
        days = {"messages": range(1, 71), "exports": range(15, 71), "reports": range(1, 71)}
        used = [usage(NOW - day * DAY, name) for name, on in days.items() for day in on for _ in range(2)]
        found = facts(an_account(*used), NOW, self.WATCHING)
        assert (found["usage.feature_trend"], found["usage.feature_fallen"]) == (-100, "exports")
        rarely = usage(NOW - 20 * DAY, "payroll")
        steady = facts(an_account(*used, rarely), NOW, replace(self.WATCHING, watch=("messages", "payroll")))
        assert steady["usage.feature_trend"] == 0
        assert "usage.feature_fallen" not in steady, "what was hardly ever used didn't fall"
        assert "usage.feature_trend" not in facts(an_account(*used), NOW)


class TestAllowances:
    """What a month of the plan includes, and how far the account is with it."""

    def of(self, account: Account, now: datetime = NOW) -> dict[str, Any]:
        allowed = replace(SHIPPED.catalogue, allowances={"pro": {"exports": 100}, "starter": {"messages": 5}})
        return {name: value for name, value in facts(account, now, allowed).items() if "limit." in name}

    def test_the_share_is_this_months_and_the_pace_that_of_30_days(self) -> None:
        # 20 May: 19 full days of the month, and 11 of the one before, in the last 30.
        account = an_account(*(usage(NOW - day * DAY, "exports", quantity=3) for day in range(60)))
        assert self.of(account) == {"usage.limit.exports": 57, "usage.limit.exports.pace": pytest.approx(93)}
        june = self.of(account, NOW + 12 * DAY)
        assert june["usage.limit.exports"] == 0, "a new month has begun"

    def test_there_is_no_pace_until_the_account_is_in_use_for_30_days_and_nothing_of_another_plan(self) -> None:
        assert self.of(an_account(usage(NOW - 3 * DAY, "exports", quantity=8))) == {"usage.limit.exports": 8}
        assert self.of(an_account()) == {}
        assert self.of(an_account(usage(NOW - 3 * DAY, "exports"), plan="enterprise")) == {}

    def test_the_allowance_that_is_used_up_the_fastest_is_named(self) -> None:
        allowed = replace(SHIPPED.catalogue, allowances={"pro": {"exports": 100, "messages": 50}})
        account = an_account(*(usage(NOW - day * DAY, name) for day in range(60) for name in ("exports", "messages")))
        found = facts(account, NOW, allowed)
        assert (found["usage.allowance_over"], found["usage.allowance_pace"]) == ("messages", pytest.approx(62))
        assert "usage.allowance_pace" not in facts(an_account(usage(NOW, "exports")), NOW, allowed)


class TestBack:
    """Who fell silent, and whether they are back."""

    def test_a_silence_of_ten_working_days_begins_the_count_anew(self) -> None:
        account = an_account(*busy(range(15, 30)))
        found = [facts(account, NOW + days * DAY)["usage.days_in_use"] for days in (-2, -1, 0)]
        assert found == [10, 0, 0]
        after(usage(NOW), account=account)
        assert facts(account)["usage.days_in_use"] == 1
        after(usage(NOW, "api"), usage(NOW + DAY), account=account)
        assert facts(account, NOW + 2 * DAY)["usage.days_in_use"] == 2

    def test_it_counts_days_of_people_where_there_were_any(self) -> None:
        robots = [usage(NOW - day * DAY, user=None, actor="integration") for day in range(9)]
        assert facts(an_account(*robots))["usage.days_in_use"] == 9
        assert facts(an_account(usage(NOW - 40 * DAY), *robots))["usage.days_in_use"] == 0
        assert facts(an_account(usage(NOW), *robots))["usage.days_in_use"] == 1
        assert "usage.days_in_use" not in facts(an_account())

    def test_by_a_longer_cadence_missed_cycles_are_the_silence(self) -> None:
        monthly = an_account(*(usage(NOW - day * DAY) for day in (70, 40, 10)))
        assert facts(monthly)["usage.days_in_use"] == 1
        assert facts(monthly, catalogue=cadence("monthly"))["usage.days_in_use"] == 3

    def test_who_used_it_before_are_those_of_the_four_weeks_up_to_the_last_use(self) -> None:
        account = an_account(*busy([14], users=6), *busy([41], users=9), usage(NOW - 42 * DAY, user="early"))
        assert facts(account)["usage.active_before"] == 9
        assert "usage.active_before" not in facts(an_account(*busy([80])))
        assert "usage.active_before" not in facts(an_account(usage(NOW, user=None)))


class TestShippedCards:
    """What the cards that ship make of it, as who leads customer success would say it."""

    def of(self, account: Account, catalogue: Catalogue = SHIPPED.catalogue) -> tuple[str, str]:
        one = told(assessed(account, rules=Rules(catalogue, SHIPPED.cards)))
        return one.band, health_of(account, NOW, Rules(catalogue, SHIPPED.cards)).reason

    def test_six_weeks_of_silence_are_red(self) -> None:
        silent = busy(range(42, 75), users=15)
        paid = [an_invoice("paid", f"I-{n}", at=NOW - n * DAY, due_at=(NOW - n * DAY).isoformat()) for n in (5, 35)]
        expected = ("red", "no use for 42 days; 15 people used it before")
        assert self.of(an_account(*silent)) == self.of(an_account(*silent, *paid)) == expected

    def test_who_pays_and_never_used_is_red_only_where_use_would_be_heard_of(self) -> None:
        account = an_account(signed=NOW - 150 * DAY)
        assert self.of(account, DECLARED) == ("red", "pays, never used")
        assert self.of(account)[0] == "unknown"

    def test_two_of_five_hundred_seats_are_red(self) -> None:
        account = an_account(*busy(range(90), users=2), seats=500, mrr_minor=5_000_000)
        assert self.of(account) == ("red", "at most red: 2 of 500 seats in use in 30 days")

    def test_people_who_left_the_work_to_integrations_are_no_silence(self) -> None:
        people = [*busy(range(15, 90), users=5), *busy(range(1, 15), users=2)]
        sync = [*uses(range(15, 90), 4, actor="integration"), *uses(range(1, 15), 20, actor="integration")]
        band, _ = self.of(an_account(*people, *sync))
        assert band == "green"

    def test_a_holiday_of_three_weeks_is_red_unless_it_is_said(self) -> None:
        account = an_account(*busy(range(23, 90)))
        closed = replace(SHIPPED.catalogue, closed=tuple(range(TODAY - 22, TODAY)))
        assert self.of(account)[0] == "red"
        assert self.of(account, closed)[0] == "green"


def test_where_use_is_declared_to_be_heard_of_every_midnight_is_looked_at() -> None:
    bare = after(traits(name="Bare"))
    assert assessed(bare).next_at is None
    declared = replace(SHIPPED.catalogue, sources={"usage": TODAY - 150})
    assert assessed(bare, rules=Rules(declared, SHIPPED.cards)).next_at == NOW.replace(hour=0) + DAY


def test_time_alone_moves_it_at_midnight_and_at_no_other_moment() -> None:
    account, midnight = an_account(*busy(range(20, 70))), NOW.replace(hour=0) + DAY
    just_before = midnight - timedelta(microseconds=1)
    assert of(account, just_before).readings == of(account).readings != of(account, midnight).readings
