"""Scorecards: what is wrong is refused with its place; the most specific one wins; bands and caps do as written."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from services.scoring.core.catalogue import CADENCES, MONDAY_TO_FRIDAY, Onboarding
from services.scoring.core.clock import day_of, midnight_after
from services.scoring.core.health import health_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.score import band
from services.scoring.core.scorecard import Bands, Rules
from services.scoring.core.state import Account
from services.scoring.files import SCHEMAS, load_rules
from services.scoring.files import SHIPPED as FOLDER
from shared.conditions import Facts, Refused, Truth, evaluate
from shared.files.nodes import load
from shared.messages.assessments import Band
from tests.support.scoring import (
    DAY,
    MILESTONES,
    NOW,
    SHIPPED,
    a_pulse,
    an_account,
    an_event,
    an_invoice,
    assessed,
    busy,
    told,
    traits,
)

DEFAULT = """
id: default
version: 1
measures:
  usage.recency: {weight: 60}
  support.urgent: {weight: 40}
minimum_coverage: 30 %
"""


def rules(tmp_path: Path, *cards: str, default: str = DEFAULT, catalogue: str = "{}") -> Rules:
    """Rules from files as someone would write them."""
    for place, text in enumerate((default, *cards)):
        (tmp_path / f"card{place}.yaml").write_text(text)
    (tmp_path / "catalogue.yaml").write_text(catalogue)
    return load_rules(tmp_path)


def refused(tmp_path: Path, text: str, default: str = DEFAULT) -> str:
    """What is said of a file that can't be used."""
    with pytest.raises(Refused) as error:
        rules(tmp_path, text, default=default)
    return str(error.value)


def a_card(id: str, for_accounts: str, more: str = "") -> str:
    """A card with one measure."""
    return f"id: {id}\nversion: 2\nfor_accounts: {for_accounts}\nmeasures:\n  support.urgent: {{weight: 100}}\n{more}"


def test_the_shipped_cards_can_be_read_and_there_is_one_for_each_stage() -> None:
    assert [card.id for card in SHIPPED.cards] == ["adopting", "mature", "onboarding", "renewal", "default"]


def test_weights_that_do_not_sum_to_100_are_refused_with_their_sum(tmp_path: Path) -> None:
    said = refused(
        tmp_path, "id: x\nversion: 1\nfor_accounts: account.plan == pro\nmeasures:\n  usage.trend: {weight: 70}\n"
    )
    assert "card1.yaml" in said
    assert "The weights sum to 70; they must sum to 100." in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: x\nversion: 1\nmeasures:\n  usage.trnd: {weight: 100}\n", "Did you mean `usage.trend`?"),
        ("id: x\nversion: 1\nmeasures: {}\nbnads: {}\n", "Did you mean `bands`?"),
        (a_card("x", "account.plam == pro"), "Did you mean `account.plan`?"),
        (a_card("x", "health.score > 3"), "only `account.*` facts are known here"),
        (a_card("x", "account.plan == pro", "caps: [{at_most: 4, while: health.score > 3}]"), "can't depend on itself"),
        (
            a_card("x", "account.plan == pro", "caps: [{at_most: 40, while: support.open > 3}]"),
            "`at_most` is never `40`: it is one of red, amber.",
        ),
        (a_card("x", "account.plan == pro", "bands: {green: 30, amber: 60}"), "below green"),
        (a_card("x", "account.traits.tier == gold"), "The trait `tier` is not declared."),
        ("- a\n- b\n", "Here belongs a mapping with fields such as id, version, measures."),
        ("id: x\n", "`version` is missing."),
    ],
)
def test_what_is_wrong_is_said_with_what_was_meant(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize("key", ["title", "caps", "bands", "priority", "minimum_coverage"])
def test_a_key_without_a_value_is_as_if_it_were_left_out(tmp_path: Path, key: str) -> None:
    bare = "".join(line for line in DEFAULT.splitlines(keepends=True) if not line.startswith(key))
    assert rules(tmp_path, default=f"{bare}{key}:\n").cards == rules(tmp_path, default=bare).cards


@pytest.mark.parametrize(
    "text",
    ["traits:", "features:", "onboarding:", "rates:", "working_days:", "closed:", "cadence:", "features: {pro: }"],
)
def test_a_catalogue_may_have_keys_without_values(tmp_path: Path, text: str) -> None:
    assert rules(tmp_path, catalogue=text).catalogue.week == MONDAY_TO_FRIDAY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id:\nversion: 1\nmeasures: {}\n", "card1.yaml:1:1: `id` has no value."),
        ("id: x\nversion: 1\nmeasures:\n", "card1.yaml:3:1: `measures` has no value."),
        ("id: x\nversion: 1\nmeasures: [usage.trend]\n", "card1.yaml:3:11: `measures` must be a mapping"),
        (a_card("x", "account.plan == pro", "caps: 5\n"), "card1.yaml:6:7: `caps` must be a list, not `5`."),
        (
            a_card("x", "account.plan == pro", "caps:\n  - \n"),
            "fields such as at_most, while, says.",
        ),
        (
            a_card("x", "account.plan == pro", "bands: [75, 50]\n"),
            "card1.yaml:6:8: Here belongs a mapping",
        ),
        (
            a_card("x", "account.plan == pro", "bands: {gren: 80}\n"),
            "card1.yaml:6:9: There is no field `gren`. Did you",
        ),
        (a_card("x", ""), "card1.yaml:3:1: `for_accounts` has no value."),
        (
            a_card("x", "account.plan == pro").replace(
                "support.urgent: {weight: 100}",
                "billing.punctuality: {weight: 100, missing: last-known-for-9-days}",
            ),
            "card1.yaml:5:47: `billing.punctuality` looks at all that is remembered of invoices",
        ),
    ],
)
def test_what_has_the_wrong_shape_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("catalogue", "said"),
    [
        ("features: [pro]", "catalogue.yaml:1:11: `features` must be a mapping"),
        ("onboarding: [{id: x}]", "`days` is missing."),
        ("onboarding: [{id: x, days: 3}, {id: x, days: 4}]", "Another model has the id `x` already."),
        ("onboarding: [{id: x, days: 3, for_accounts: account.stage == mature}]", "no stage"),
        ("onboarding: [{id: x, days: 3, for_accounts: usage.trend > 3}]", "only `account.*` facts are known here"),
        ("rates: {Euro: 1}", "catalogue.yaml:1:9"),
        ("rates: {EUR: 0}", "catalogue.yaml:1:14"),
        ("features: {pro: reports}", "catalogue.yaml:1:17: `pro` must be a list"),
        ("working_days: 5", "catalogue.yaml:1:15: `working_days` must be a list"),
        ("sources: {usgae: auto}", "Did you mean `usage`?"),
        (
            "sources: {usage: soon}",
            "catalogue.yaml:1:18: `soon` is neither `auto` nor a date since when it is connected",
        ),
        ("closed: [2026-12-24, 2026-02-30]", "catalogue.yaml:1:22: There is no such day as `2026-02-30`."),
        ("closed: [2026-12-24..2026-12-20]", "catalogue.yaml:1:10: `2026-12-24..2026-12-20` spans no days"),
        (
            "closed: [christmas]",
            "catalogue.yaml:1:10: `christmas` is no date; write one such as 2026-12-25, or a country such as PL",
        ),
        ("allowances: {pro: {exports: 0}}", "catalogue.yaml:1:29: "),
        ("watch: [sent messages]", "catalogue.yaml:1:9: `sent messages` can't be part of a fact's name"),
        ("cadence: {pro: weakly}", "catalogue.yaml:1:16: `weakly` is no cadence. Did you mean `weekly`?"),
        ("traits: {tier: }", "catalogue.yaml:1:10: `tier` is never an empty value: it is one of number, text"),
    ],
)
def test_a_catalogue_of_the_wrong_shape_is_refused_with_the_place(tmp_path: Path, catalogue: str, said: str) -> None:
    with pytest.raises(Refused) as error:
        rules(tmp_path, catalogue=catalogue)
    assert said in str(error.value)


def test_closed_days_and_cadences_are_read(tmp_path: Path) -> None:
    text = "closed: [2027-01-06, 2026-12-24..2027-01-01, 2026-12-25]\ncadence: {payroll: monthly}\n"
    catalogue = rules(tmp_path, catalogue=text).catalogue
    christmas = day_of(datetime(2026, 12, 24, tzinfo=UTC))
    assert catalogue.closed == (*range(christmas, christmas + 9), christmas + 13)
    assert catalogue.cadence == {"payroll": CADENCES["monthly"]}


def test_a_watched_feature_can_be_named_in_a_cap_and_another_can_not(tmp_path: Path) -> None:
    few = "caps: [{at_most: amber, while: usage.feature.messages.days_7 < 5}]\n"
    found = rules(tmp_path, default=DEFAULT + few, catalogue="watch: [messages]")
    events = busy(range(60), users=1, features=("messages",))
    assert health_of(an_account(*events), NOW, found).score.cap is None
    fewer = health_of(an_account(*events[10:], *busy(range(60))), NOW, found)
    assert fewer.score.cap is not None
    assert fewer.facts["usage.feature.messages.days_7"] == 0
    for catalogue, hint in (("watch: [messages]", "usage.feature.messages.days_7`?"), ("{}", "Name the feature under")):
        with pytest.raises(Refused) as error:
            rules(tmp_path, default=DEFAULT + few.replace("messages", "message"), catalogue=catalogue)
        assert "`usage.feature.message.days_7` is no fact of a watched feature" in str(error.value)
        assert hint in str(error.value)


def test_an_allowance_can_be_named_in_a_cap(tmp_path: Path) -> None:
    over = "caps: [{at_most: amber, while: usage.limit.exports.pace >= 110 %}]\n"
    found = rules(tmp_path, default=DEFAULT + over, catalogue="allowances: {pro: {exports: 40}}")
    held = health_of(an_account(*busy(range(60), users=2, features=("exports",))), NOW, found)
    assert held.score.cap is not None
    assert held.facts["usage.limit.exports.pace"] == 155


def test_a_catalogue_of_its_own_stands_in_for_the_one_beside_the_cards(tmp_path: Path) -> None:
    own = tmp_path / "own" / "catalogue.yaml"
    own.parent.mkdir()
    own.write_text("features: {pro: [kanban]}\n")
    rules(tmp_path, catalogue="features: {pro: [reports]}")
    assert load_rules(tmp_path, own).catalogue.features == {"pro": ("kanban",)}
    with pytest.raises(Refused) as error:
        load_rules(tmp_path, tmp_path / "elsewhere.yaml")
    assert "elsewhere.yaml:1:1: The file can't be read" in str(error.value)


def test_what_is_declared_is_known_by_the_rules_digest(tmp_path: Path) -> None:
    texts = ("{}", "closed: [2026-12-24]", "cadence: {pro: weekly}", "features: {pro: [api]}")
    assert len({rules(tmp_path, catalogue=text).digest for text in texts}) == len(texts)


def test_the_place_of_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert "card1.yaml:5:" in refused(tmp_path, a_card("x", "account.plan == pro").replace("urgent", "urgnt"))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_schemas_for_editors_are_those_that_the_code_makes(path: Path) -> None:
    # After a change: make generated
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMAS[path].made()


def test_what_ships_passes_the_schemas_for_editors() -> None:
    for path, schema in SCHEMAS.items():
        check = jsonschema.Draft202012Validator(schema.made())
        for file in FOLDER.glob("*.yaml"):
            if (file.stem == "catalogue") is (path.name == "catalogue.schema.json"):
                check.validate(load(file.read_bytes(), file.name))


def test_missing_can_be_read_in_four_ways_and_no_fifth(tmp_path: Path) -> None:
    assert "exclude, neutral, worst or" in refused(tmp_path, DEFAULT.replace("weight: 60", "weight: 60, missing: zero"))


def test_there_must_be_one_default(tmp_path: Path) -> None:
    assert "found default, second" in refused(tmp_path, DEFAULT.replace("id: default", "id: second"))


def test_the_most_specific_card_wins_and_ties_go_to_the_lowest_priority_number(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        a_card("one", "account.plan == pro"),
        a_card("first", "[account.plan == pro, account.segment == smb]", "priority: 1"),
        a_card("second", "[account.plan == pro, account.seats > 3]"),
    )
    assert health_of(an_account(segment="smb"), NOW, found).card.id == "first"
    assert health_of(an_account(), NOW, found).card.id == "second"
    assert health_of(an_account(seats=1), NOW, found).card.id == "one"
    assert health_of(an_account(plan="odd"), NOW, found).card.id == "default"


def test_a_card_s_name_changes_with_how_it_scores_and_with_nothing_else(tmp_path: Path) -> None:
    def name(text: str) -> str:
        return rules(tmp_path, default=text).cards[0].ref

    assert name(DEFAULT).startswith("default@1+")
    assert name(DEFAULT) == name(f"# a comment\n{DEFAULT}title: another\npriority: 7\n")
    assert name(DEFAULT) != name(DEFAULT.replace("weight: 60", "weight: 55").replace("weight: 40", "weight: 45"))
    assert name(DEFAULT) != name(DEFAULT.replace("30 %", "40 %"))
    assert name(DEFAULT) != name(f"{DEFAULT}caps: [{{at_most: red, while: support.open > 9}}]\n")
    assert name(DEFAULT) != name(DEFAULT.replace("weight: 40", "weight: 40, missing: neutral"))


def test_a_card_may_take_the_caps_of_another(tmp_path: Path) -> None:
    default = DEFAULT + "caps: [{at_most: amber, while: support.open > 9}]\n"
    own = "caps_like: default\ncaps: [{at_most: red, while: support.open > 20}]\n"
    found = {card.id: card for card in rules(tmp_path, a_card("x", "account.plan == pro", own), default=default).cards}
    assert [cap.name for cap in found["x"].caps] == ["support.open > 9 tickets", "support.open > 20 tickets"]
    assert [found["x"].ceiling(cap) for cap in found["x"].caps] == [7400, 4900]


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ("defualt", "card1.yaml:6:12: There is no scorecard `defualt`. Did you mean `default`?"),
        ("x", "card1.yaml:6:12: `x` takes its caps from another card: name that one."),
    ],
)
def test_caps_are_taken_from_a_card_that_has_them(tmp_path: Path, like: str, said: str) -> None:
    text = a_card("x", "account.plan == pro", f"caps_like: {like}\n")
    assert said in " ".join(refused(tmp_path, text).split())


@pytest.mark.parametrize(
    ("text", "days"), [("auto", {}), ("2026-05-01", {"usage": 20574}), ("{}", {})], ids=["auto", "date", "none"]
)
def test_a_source_is_declared_with_the_date_since_when(tmp_path: Path, text: str, days: dict[str, int]) -> None:
    catalogue = "sources: {}" if text == "{}" else f"sources: {{usage: {text}}}"
    assert rules(tmp_path, catalogue=catalogue).catalogue.sources == days


def test_a_declared_trait_can_choose_the_card(tmp_path: Path) -> None:
    found = rules(tmp_path, a_card("gold", "account.traits.tier == gold"), catalogue="traits: {tier: text}")
    seen = health_of(an_account(traits(tier="gold")), NOW, found)
    assert (seen.card.id, seen.facts["account.traits.tier"]) == ("gold", "gold")


@pytest.mark.parametrize(
    ("missing", "points"), [("exclude", None), ("neutral", 5000), ("worst", 0), ("last-known-for-10-days", 5000)]
)
def test_what_is_missing_counts_as_the_card_says(tmp_path: Path, missing: str, points: int | None) -> None:
    default = DEFAULT.replace("usage.recency: {weight: 60}", f"relationship.pulse: {{weight: 60, missing: {missing}}}")
    pulse = a_pulse(5, at=NOW - 95 * DAY)
    assert (
        health_of(an_account(pulse), NOW, rules(tmp_path, default=default)).readings["relationship.pulse"].points
        == points
    )


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_can_be_missing_in_each_of_the_ways(tmp_path: Path, name: str) -> None:
    def points(missing: str) -> int | None:
        default = f"id: default\nversion: 1\nmeasures:\n  {name}: {{weight: 100, missing: {missing}}}\n"
        return health_of(an_account(), NOW, rules(tmp_path, default=default)).readings[name].points

    if points("exclude") is None:
        lowest = round(100 * min(each for _, each in MEASURES[name].curve))
        assert (points("neutral"), points("worst")) == (5000, lowest)
    if name not in ("billing.punctuality", "usage.trend"):
        assert points("last-known-for-10-days") == points("exclude"), "nothing was ever known"


def test_what_was_last_known_too_long_ago_is_not_known(tmp_path: Path) -> None:
    default = DEFAULT.replace(
        "usage.recency: {weight: 60}", "relationship.pulse: {weight: 60, missing: last-known-for-5-days}"
    )
    pulse = a_pulse(5, at=NOW - 96 * DAY)
    assert (
        health_of(an_account(pulse), NOW, rules(tmp_path, default=default)).readings["relationship.pulse"].points
        is None
    )


def test_a_cap_holds_the_score_down_while_its_condition_holds() -> None:
    late = an_invoice(at=NOW - 60 * DAY, due_at=(NOW - 31 * DAY).isoformat())
    paid = an_invoice("paid", at=NOW)
    assert health_of(an_account(*busy(range(60)), late), NOW, SHIPPED).score.points == 7400
    assert (health_of(an_account(*busy(range(60)), late, paid), NOW, SHIPPED).score.points or 0) > 8000


def test_below_the_minimum_coverage_the_score_is_unknown_and_says_so() -> None:
    scored = health_of(an_account(a_pulse(9)), NOW, SHIPPED).score
    assert scored.points is None
    assert scored.why_unknown == "only 9 % of the scorecard has data, 30 % is needed"


@pytest.mark.parametrize(
    ("before", "points", "after"),
    [
        ("unknown", 7500, "green"),
        ("unknown", 4999, "red"),
        ("green", 7499, "amber"),
        ("amber", 7700, "amber"),
        ("amber", 7800, "green"),
        ("amber", 4999, "red"),
        ("red", 5200, "red"),
        ("red", 5300, "amber"),
        ("red", 7600, "amber"),
        ("red", 7900, "green"),
        ("green", None, "unknown"),
    ],
)
def test_falling_is_at_once_and_rising_back_needs_the_margin(before: Band, points: int | None, after: Band) -> None:
    assert band(points, Bands(), before) == after


BY_TENURE = DEFAULT.replace(
    "usage.recency: {weight: 60}",
    "usage.active_share: {weight: 60, curve: {0: 0, 30: 100}, curves: [{from_days: 180, curve: {10: 0, 60: 100}}]}",
)


def test_a_curve_may_ask_more_of_who_is_a_customer_for_longer(tmp_path: Path) -> None:
    found = rules(tmp_path, default=BY_TENURE)
    account = an_account(*busy(range(-40, 40), users=3), signed=NOW - 179 * DAY)

    def points(days: int) -> int | None:
        return health_of(account, NOW + days * DAY, found).readings["usage.active_share"].points

    assert (points(0), points(1)) == (10_000, 4_000)


def test_time_turns_the_curve_at_midnight_and_says_so(tmp_path: Path) -> None:
    found = rules(tmp_path, default=BY_TENURE)
    account = an_account(*busy(range(-40, 40), users=3), signed=NOW - 179 * DAY)
    before = assessed(account, rules=found)
    assert before.next_at == midnight_after(NOW)
    (driver,) = told(assessed(account, before=before.decision, now=midnight_after(NOW), rules=found)).drivers
    assert driver.reason == "3 of 10 seats in use in 30 days; from day 180 on another curve counts"


def test_who_is_silent_is_looked_at_on_the_day_on_which_a_curve_turns(tmp_path: Path) -> None:
    found = rules(tmp_path, default=BY_TENURE.replace("from_days: 180", "from_days: 900"))
    look = assessed(an_account(signed=NOW - 500 * DAY), now=NOW + 300 * DAY, rules=found).next_at
    assert look is not None
    assert day_of(look) == day_of(NOW) + 400


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        ("[{from_days: 9, curve: {0: 0, 1: 1}}, {from_days: 9, curve: {0: 0, 1: 1}}]", "9 days don't come after 9"),
        ("[{from_day: 9, curve: {0: 0, 1: 1}}]", "Did you mean `from_days`?"),
    ],
)
def test_curves_by_tenure_are_checked_with_their_place(tmp_path: Path, curves: str, said: str) -> None:
    text = DEFAULT.replace("{weight: 60}", f"{{weight: 60, curves: {curves}}}")
    with pytest.raises(Refused) as error:
        rules(tmp_path, default=text)
    assert said in str(error.value)
    assert "card0.yaml:5:" in str(error.value)


def test_what_is_lifted_is_told_in_the_card_s_own_words() -> None:
    late, paid = an_invoice(at=NOW - 60 * DAY, due_at=(NOW - 31 * DAY).isoformat()), an_invoice("paid", at=NOW)
    before = assessed(an_account(*busy(range(60)), late))
    one = told(assessed(an_account(*busy(range(60)), late, paid), before=before.decision, by=paid))
    words = [driver.reason for driver in one.drivers if driver.kind == "cap"]
    assert words == ["no longer at most amber: an undisputed invoice 30 days overdue, and later than they usually pay"]


def test_every_cap_that_ships_has_words_of_its_own() -> None:
    assert all(cap.says for card in SHIPPED.cards for cap in card.caps)


@pytest.mark.parametrize(("age", "reached", "points"), [(70, False, 4900), (59, True, None), (70, True, 4900)])
def test_few_seats_in_use_hold_nobody_down_before_their_onboarding_is_over(
    age: int, reached: bool, points: int | None
) -> None:
    signed = NOW - age * DAY
    done = [an_event("milestone.reached", at=signed + DAY, milestone=name) for name in MILESTONES] if reached else []
    account = an_account(*busy(range(50), users=1), *done, seats=50, signed=signed)
    cap = health_of(account, NOW, SHIPPED).score.cap
    assert (None if cap is None else SHIPPED.cards[-1].ceiling(cap)) == points


def test_a_long_onboarding_is_waited_for_before_seats_or_never_using_it_are_held_against_anybody() -> None:
    model = Onboarding("high_touch", 120)
    catalogue = replace(SHIPPED.catalogue, onboarding=(model,), sources={"usage": day_of(NOW) - 400})
    found = Rules(catalogue, SHIPPED.cards)

    def held(account: Account, now: datetime) -> list[str]:
        health = health_of(account, now, found)
        facts = Facts.of(health.facts)
        return [cap.says for cap in health.card.caps if evaluate(cap.condition, facts, now) is Truth.TRUE]

    for events, says in (
        (busy(range(50), users=1), "under a tenth of the seats in use"),
        ([], "a product that is paid for and never used"),
    ):
        account = an_account(*events, seats=50, signed=NOW - 110 * DAY)
        assert held(account, NOW) == []
        assert says in held(account, NOW + 11 * DAY)
