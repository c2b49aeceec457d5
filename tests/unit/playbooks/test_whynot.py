"""Why a playbook has not fired for an account: each reason is told, and what it goes by."""

from datetime import datetime
from typing import Any

import msgspec

from services.playbooks.core.days import Before
from services.playbooks.core.episode import Episode
from services.playbooks.core.item import item_of
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.recording import past_of
from services.playbooks.core.standing import Standing, standing
from services.playbooks.core.step import close_task, end, step
from services.playbooks.core.whynot import WhyNot, why_not
from shared.messages.actions import AccountCard, ActionRequested
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, a_look, a_playbook, an_answer, an_assessment, stalled

ACTIVE = {"steps": "  - task: Call them"}


def asked(
    playbook: Playbook,
    facts: dict[str, Any],
    at: datetime = MONDAY,
    episode: Episode | None = None,
    stands: Standing | None = None,
    **others: Any,
) -> WhyNot:
    known = stands or standing("northwind", an_assessment(1, at, facts))
    given = {name: others.pop(name) for name in ("items", "past", "met", "checksum") if name in others}
    look = a_look(facts, at, **others)
    return why_not(playbook, known, look, [] if episode is None else [episode], **given)


def codes(found: WhyNot) -> list[str]:
    return [one.code for one in found.reasons]


def after(playbook: Playbook, *looks: tuple[dict[str, Any], datetime], **others: Any) -> Episode:
    """The episode after these looks."""
    episode: Episode | None = None
    for facts, at in looks:
        episode = step(playbook, episode, a_look(facts, at, **others)).episode
    assert episode is not None
    return episode


def test_what_it_waits_for_is_not_so_and_what_it_would_need_is_told_leaf_by_leaf() -> None:
    playbook = a_playbook(
        "id: p\nfor_accounts: account.plan == pro\nwhen: [usage.breadth < 40 %, days_since account.signed_at >= 30]\n"
        "steps: [alert: Hi]"
    )
    signed = (MONDAY - 20 * DAY).isoformat()
    found = asked(playbook, {**HIGH, "account.plan": "pro", "account.signed_at": signed})
    assert codes(found) == ["when_false"]
    assert "75 %" in found.words
    leaves = {one.text: one for one in found.leaves}
    assert leaves["usage.breadth < 40 %"].value == "75 %"
    assert leaves["days_since account.signed_at >= 30 days"].flips_at == MONDAY + 10 * DAY
    assert leaves["account.plan == pro"].truth.value == "true"
    assert "until" in found.words


def test_since_when_it_has_not_been_so_is_read_from_the_days() -> None:
    facts = {**HIGH, "account.id": "northwind", "account.name": "Northwind"}
    stands = msgspec.structs.replace(
        standing("northwind", an_assessment(9, MONDAY, facts)), day=MONDAY.date(), before=Before()
    )
    first = (MONDAY - 30 * DAY).date()
    rows = [((MONDAY - 5 * DAY).date(), Before({"usage.breadth": 25.0})), (first, Before(first=True))]
    found = asked(stalled(), HIGH, stands=stands, past=past_of(stands, rows))
    assert found.leaves[0].since == (MONDAY - 5 * DAY).date()
    assert "since 25 Feb 2026" in found.words


def test_it_is_not_for_this_account_or_nobody_knows() -> None:
    playbook = a_playbook("id: p\nfor_accounts: account.plan == pro\nwhen: usage.breadth < 40 %\nsteps: [alert: Hi]")
    assert codes(asked(playbook, {**LOW, "account.plan": "free"})) == ["not_for_account"]
    assert codes(asked(playbook, LOW)) == ["not_known_for_account"]
    assert codes(asked(playbook, {"account.plan": "pro"})) == ["when_unknown"]


def test_a_source_that_is_interrupted_is_named() -> None:
    found = asked(stalled(), LOW, interrupted=["usage"])
    assert codes(found) == ["interrupted"]
    assert "usage" in found.words


def test_an_open_import_keeps_it() -> None:
    stands = standing("northwind", an_assessment(1, MONDAY, LOW, imports=["crm"]))
    assert codes(asked(stalled(), LOW, stands=stands, quiet=True)) == ["importing"]


def test_an_account_that_has_gone_left_or_is_no_customer() -> None:
    merged = standing("northwind", an_assessment(1, MONDAY, LOW, gone="merged", merged_into="contoso"))
    assert codes(asked(stalled(), LOW, stands=merged)) == ["gone"]
    left = asked(stalled(), {**LOW, "account.churned": True})
    assert codes(left) == ["left"]
    assert "the customer left" in left.words
    assert "internal" in asked(stalled(), {**LOW, "account.excluded": "internal"}).words


def test_it_is_held_until_an_instant_or_its_clock_stands() -> None:
    playbook = stalled(held_for="7d")
    held = after(playbook, (LOW, MONDAY))
    found = asked(playbook, LOW, MONDAY + DAY, held)
    assert [(one.code, one.until, one.episode) for one in found.reasons] == [("held", MONDAY + 7 * DAY, held.id)]
    stands = step(playbook, held, a_look({}, MONDAY + DAY)).episode
    assert codes(asked(playbook, {}, MONDAY + DAY, stands)) == ["when_unknown", "held"]


def test_it_rests_until_it_may_fire_again() -> None:
    playbook = stalled(repeat="{after: 30d}")
    rests = after(playbook, (LOW, MONDAY), (HIGH, MONDAY + DAY))
    found = asked(playbook, HIGH, MONDAY + 2 * DAY, rests)
    assert codes(found) == ["when_false", "resting"]
    assert found.reasons[1].until == MONDAY + 31 * DAY
    again = step(playbook, rests, a_look(LOW, MONDAY + 3 * DAY)).episode
    assert codes(asked(playbook, LOW, MONDAY + 3 * DAY, again)) == ["resting"]


def test_it_is_open_and_what_is_open_of_it_is_named() -> None:
    episode = after(stalled(**ACTIVE), (LOW, MONDAY))
    card = AccountCard(id="northwind", name="Northwind")
    request = ActionRequested(
        action_id="act_1",
        kind="task",
        playbook="stalled@1",
        playbook_title="",
        episode_id=episode.id,
        step=0,
        matter="usage",
        severity="medium",
        title="Call them",
        why=[],
        account=card,
    )
    task = item_of(request, "stalled", None, "", MONDAY)
    found = asked(stalled(**ACTIVE), LOW, MONDAY + DAY, episode, items=[task])
    assert [(one.code, one.episode, one.items) for one in found.reasons] == [("open", episode.id, ("act_1",))]
    assert "'Call them' (open) is open" in found.words
    both = asked(stalled(**ACTIVE), LOW, MONDAY + DAY, episode, items=[task, task._replace(id="act_2")])
    assert both.words.endswith("are open.")


def test_what_was_found_so_can_be_started_by_hand() -> None:
    episode = after(stalled(), (LOW, MONDAY), found_in="crm")
    found = asked(stalled(), LOW, MONDAY + DAY, episode)
    assert codes(found) == ["found"]
    assert "start it by hand" in found.words


def test_what_was_ended_from_outside_waits_until_it_was_not_so() -> None:
    playbook = stalled(**ACTIVE)
    fired = after(playbook, (LOW, MONDAY))
    by_hand = end(playbook, fired, a_look(LOW, MONDAY + HOUR), "ended by ana").episode
    found = asked(playbook, LOW, MONDAY + DAY, by_hand)
    assert codes(found) == ["over"]
    assert "ended by ana" in found.words
    false = close_task(playbook, fired, fired.tasks[0].id, "false_alarm", a_look(LOW, MONDAY + HOUR)).episode
    assert "false alarm" in asked(playbook, LOW, MONDAY + DAY, false).words


def test_an_exit_that_holds_already_keeps_it() -> None:
    playbook = a_playbook("id: p\nwhen: usage.breadth < 40 %\nexit_when: support.open > 3\nsteps: [alert: Hi]")
    assert codes(asked(playbook, {**LOW, "support.open": 5})) == ["exit_holds"]


def test_an_offer_is_held_back_by_the_trouble_that_is_named() -> None:
    playbook = stalled(steps="  - flag: Sell")
    facts = {**LOW, "health.band": "green", "support.urgent": 2}
    episode = after(playbook, (facts, MONDAY))
    found = asked(playbook, facts, MONDAY + HOUR, episode)
    assert codes(found) == ["open", "held_back"]
    assert "2 urgent tickets open" in found.reasons[1].words


def test_its_event_has_not_come_or_nothing_starts_it() -> None:
    playbook = a_playbook("id: p\non_event: feedback.nps\nwhen: event.score <= 6\nsteps: [task: Call]")
    found = asked(playbook, LOW)
    assert codes(found) == ["no_event"]
    assert "feedback.nps with event.score <= 6" in found.words
    episode = step(playbook, None, a_look(LOW, MONDAY, cause=an_answer(3, MONDAY))).episode
    assert codes(asked(playbook, LOW, MONDAY + DAY, episode)) == ["open"]
    started = a_playbook("id: p\non_event: playbook.started\nsteps: [task: Call]")
    assert codes(asked(started, LOW)) == ["not_started"]


def test_a_new_playbook_waits_for_its_sweep_and_one_in_the_shadow_tells_nobody() -> None:
    assert codes(asked(stalled(), HIGH, met=[1], checksum=2)) == ["when_false", "not_met"]
    assert codes(asked(stalled(), HIGH, met=[1, 2], checksum=2)) == ["when_false"]
    shadow = msgspec.structs.replace(stalled(), shadow=True)
    assert codes(asked(shadow, LOW)) == ["shadow"]


def test_an_account_that_is_held_out_is_told_to_be() -> None:
    held, accounts = msgspec.structs.replace(stalled(), holdout=50), [f"account-{number}" for number in range(40)]
    look = a_look(LOW, MONDAY)
    found = [why_not(held, standing(id, an_assessment(1, MONDAY, LOW)), look) for id in accounts]
    kept = [one for one in found if "holdout" in codes(one)]
    assert 5 < len(kept) < 35
    assert "50 %" in kept[0].words


def test_where_nothing_keeps_it_that_is_said() -> None:
    assert codes(asked(stalled(), LOW)) == ["nothing"]


def test_what_keeps_it_most_comes_first() -> None:
    playbook = stalled(held_for="7d")
    held = after(playbook, (LOW, MONDAY))
    found = asked(playbook, LOW, MONDAY + DAY, held, interrupted=["usage"])
    assert codes(found)[0] == "interrupted"


def test_one_that_is_switched_off_says_so_before_all_else() -> None:
    off = a_playbook("id: stalled\nwhen: usage.breadth < 40 %\nmode: off\nsteps: [alert: Hi]")
    found = asked(off, HIGH, met=[], checksum=None)
    assert codes(found) == ["off", "when_false"]
    assert found.words == "The playbook is switched off: put it with `mode: live` to have it."
