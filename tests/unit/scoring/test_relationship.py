"""How we stand with each other: the pulse and its end, silence, whom we talk with, and who speaks for us."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.scoring.core.clock import day_of
from services.scoring.core.health import Health, health_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from shared.messages import registry
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_contact,
    a_pulse,
    a_talk,
    after,
    an_account,
    an_event,
    assessed,
    rules_of_one,
    told,
    usage,
)

RULES = rules_of_one("relationship.pulse", "relationship.silence")


def health(account: Account, now=NOW, rules: Rules = RULES) -> Health:  # type: ignore[no-untyped-def]
    return health_of(account, now, rules)


@pytest.mark.parametrize(("score", "days"), [(1, 30), (2, 90), (5, 90), (9, 90), (10, 30)])
def test_a_pulse_lasts_90_days_and_at_the_very_ends_of_the_scale_30(score: int, days: int) -> None:
    account = an_account(a_pulse(score))
    end = NOW + days * DAY
    just = end - timedelta(microseconds=1)
    assert health(account, just).readings["relationship.pulse"].raw == score
    assert health(account, end).readings["relationship.pulse"].raw is None
    assert health(account, end).unknown["relationship.pulse"] == "the pulse of 20 May 2026 has expired"
    assert assessed(account, now=end - timedelta(hours=1), rules=RULES).next_at == end


def test_a_pulse_needs_a_note_and_keeps_its_author() -> None:
    for note in ({}, {"note": ""}):
        with pytest.raises(msgspec.ValidationError, match="note"):
            registry.data_of(an_event("pulse.set", score=4, author="csm@example.com", **note))  # type: ignore[arg-type]
    pulse = an_account(a_pulse(4, author="csm@example.com")).state.pulse
    assert pulse is not None
    assert pulse.value[2] == "csm@example.com"


def test_silence_is_no_data_until_somebody_talked_or_the_source_was_long_declared() -> None:
    assert health(an_account()).unknown["relationship.silence"] == "no interaction was logged"
    for days, expected in ((31, (31, "no contact at all in 31 days")), (29, (None, "no interaction was logged"))):
        since = {"interactions": day_of(NOW) - days}
        declared = Rules(replace(SHIPPED.catalogue, sources=since), RULES.cards)
        read = health(an_account(), rules=declared).readings["relationship.silence"]
        assert (read.raw, read.words) == expected


def test_one_contact_in_90_days_is_a_single_thread() -> None:
    one = [a_talk("c1"), a_talk("c1", at=NOW - 9 * DAY), a_talk("c2", at=NOW - 89 * DAY)]
    account = an_account(*one)
    assert health(account).facts["relationship.single_threaded"] is False
    assert health(account, NOW + DAY).facts["relationship.single_threaded"] is True
    assert "relationship.single_threaded" not in health(account, NOW + 90 * DAY).facts
    assert "relationship.single_threaded" not in health(an_account(a_talk())).facts


CHAMPION = rules_of_one("relationship.pulse", caps={"days_since contacts.champion_left_at <= 60 days": "amber"})


def test_a_champion_who_left_holds_the_score_until_replaced_at_most_60_days() -> None:
    """H11: it moves the score while it lasts."""
    account = an_account(a_pulse(9), a_contact("c1", "champion"))
    before = assessed(account, rules=CHAMPION)
    left = a_contact("c1", "left", at=NOW)
    outcome = assessed(after(left, account=account), before=before.decision, by=left, rules=CHAMPION)
    one = told(outcome)
    assert (one.previous_score, one.score) == (9500, 7400)
    words = "at most amber: their champion left on 20 May 2026, and nobody has taken their place"
    assert [driver.reason for driver in one.drivers if driver.kind == "cap"] == [words]
    successor = a_contact("c2", "champion", at=NOW + DAY)
    replaced = an_account(a_pulse(9), a_contact("c1", "champion"), left, successor)
    later = health(replaced, NOW + DAY, CHAMPION)
    assert (later.facts["contacts.champions"], later.facts.get("contacts.champion_left_at")) == (1, None)
    assert later.score.cap is None
    assert health(account, NOW + 60 * DAY, CHAMPION).score.cap is not None
    assert health(account, NOW + 60 * DAY + timedelta(seconds=1), CHAMPION).score.cap is None


def test_one_champion_of_two_who_leaves_leaves_one() -> None:
    both = [a_contact("c1", "champion"), a_contact("c2", roles=["admin", "champion"]), a_contact("c1", "left", at=NOW)]
    facts = health(an_account(*both)).facts
    assert (facts["contacts.champions"], "contacts.champion_left_at" in facts) == (1, False)


def test_who_came_back_is_there_again() -> None:
    events = [
        a_contact("c1", "champion"),
        a_contact("c1", "left", at=NOW - 9 * DAY),
        a_contact("c1", "champion", at=NOW),
    ]
    facts = health(an_account(*events)).facts
    assert (facts["contacts.champions"], "contacts.champion_left_at" in facts) == (1, False)


KEY = rules_of_one("usage.recency", caps={"contacts.key_user_silence >= 15 working days": "amber"})


def test_a_decision_maker_who_no_longer_comes_while_colleagues_go_on_is_told_of() -> None:
    alone = usage(NOW - 21 * DAY, user="u-boss")
    boss = a_contact("boss", roles=["user", "decision_maker"], user_ids=["u-boss", "u-never"])
    account = an_account(alone, usage(NOW, user="u-other"), boss, a_contact("c9", "user", user_ids=["u-other"]))
    found = health(account, rules=KEY)
    assert found.facts["contacts.key_user_silence"] == 15
    words = "their decision maker has not come for 15 working days, while colleagues go on"
    assert found.reason == f"at most amber: {words}"
    back = after(usage(NOW, user="u-boss"), account=account)
    assert health(back, rules=KEY).facts["contacts.key_user_silence"] == 0


def test_of_a_silent_account_or_one_who_left_it_is_not_said() -> None:
    boss, alone = a_contact("boss", "decision_maker", user_ids=["u-boss"]), usage(NOW - 21 * DAY, user="u-boss")
    silent = an_account(alone, boss)
    left = an_account(alone, usage(NOW, user="u-other"), boss, a_contact("boss", "left", at=NOW))
    assert "contacts.key_user_silence" not in health(silent).facts
    assert "contacts.key_user_silence" not in health(left).facts


def test_of_whom_is_missing_the_name_is_told_and_each_role_by_itself() -> None:
    seen = [usage(NOW - days * DAY, user=user) for days, user in ((21, "u-boss"), (9, "u-kim"), (0, "u-other"))]
    people = [
        a_contact("boss", "executive_sponsor", user_ids=["u-boss"]),
        a_contact("kim", roles=["admin", "champion"], user_ids=["u-kim"], traits={"name": "Kim"}),
    ]
    facts = health(an_account(*seen, *people)).facts
    assert (facts["contacts.key_user_silence"], facts["contacts.unseen"]) == (15, "their executive sponsor")
    assert (facts["contacts.champion_silence"], facts.get("contacts.decision_maker_silence")) == (7, None)
    gone = health(an_account(*seen, *people, a_contact("boss", "left", at=NOW))).facts
    assert (gone["contacts.key_user_silence"], gone["contacts.unseen"]) == (7, "Kim (champion)")


def test_whom_to_call_is_who_speaks_for_us_and_of_equals_the_one_with_whom_we_talked_last() -> None:
    def main(*events: Event) -> tuple[Any, Any]:
        facts = health(an_account(usage(NOW), *events)).facts
        return facts.get("contacts.main_id"), facts.get("contacts.main")

    anybody, admin = a_contact("zoe", traits={"name": "Zoë"}), a_contact("ada", roles=["admin", "billing"])
    boss = a_contact("boss", "decision_maker")
    two = [a_contact("a", "champion", traits={"name": "Al"}), a_contact("kim", "champion", traits={"name": "Kim"})]
    assert main() == (None, None)
    assert main(a_contact("x1")) == ("x1", None), "an address may be all that is known"
    assert main(anybody) == ("zoe", "Zoë")
    assert main(anybody, admin) == ("ada", "their admin")
    assert main(anybody, admin, boss) == ("boss", "their decision maker")
    assert main(boss, *two) == ("a", "Al (champion)")
    assert main(boss, *two, a_talk("kim", at=NOW - DAY)) == ("kim", "Kim (champion)")
    gone = [a_contact(one, "left", at=NOW) for one in ("a", "kim")]
    assert main(boss, *two, *gone) == ("boss", "their decision maker")


def test_who_left_is_named_until_somebody_has_taken_their_place() -> None:
    boss = a_contact("boss", "decision_maker", traits={"name": "Bo"})
    account = an_account(boss, a_contact("kim", "champion"), a_contact("kim", "left", at=NOW - 2 * DAY))
    assert health(account).facts["contacts.left"] == "their champion"
    after(a_contact("boss", "left", at=NOW), account=account)
    facts = health(account).facts
    assert (facts["contacts.left"], facts["contacts.decision_maker_left_at"]) == (
        "Bo (decision maker)",
        "2026-05-20T12:00:00Z",
    )
    held = rules_of_one("relationship.pulse", caps={"contacts.decision_maker_left_at is known": "amber"})
    words = "at most amber: their decision maker left on 20 May 2026, and nobody has taken their place"
    assert health(after(a_pulse(9), account=account), rules=held).reason == words
    after(a_contact("ann", "decision_maker", at=NOW), account=account)
    facts = health(account).facts
    assert (facts["contacts.left"], "contacts.decision_maker_left_at" in facts) == ("their champion", False)


@pytest.mark.parametrize(
    ("kind", "is_one"), [("review", True), ("Business review", True), ("QBR", True), ("call", False)]
)
def test_a_review_is_remembered_whatever_is_talked_of_since(kind: str, is_one: bool) -> None:
    talks = [a_talk(at=NOW - 80 * DAY, kind=kind), a_talk(at=NOW - DAY, kind="call")]
    for account in (an_account(*talks), an_account(*reversed(talks))):
        facts = health(account).facts
        assert facts.get("relationship.last_review_at") == ("2026-03-01T12:00:00Z" if is_one else None)
        assert facts["relationship.last_interaction_at"] == "2026-05-19T12:00:00Z"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("call", "call today"), ("business_review", "business review today"), ("other", "we talked today")],
)
def test_how_we_talked_today_is_said_in_words(kind: str, said: str) -> None:
    assert health(an_account(a_talk(kind=kind))).readings["relationship.silence"].words == said
