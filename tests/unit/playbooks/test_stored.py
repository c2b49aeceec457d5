"""What an earlier release stored of accounts and episodes is read as it was meant."""

from datetime import timedelta

import msgspec

from services.playbooks.core.episode import Episode
from services.playbooks.core.standing import Standing
from services.playbooks.core.step import step
from tests.support.playbooks import HIGH, LOW, MONDAY, a_look, stalled

EPISODE = """
{"id": "ep_0123", "playbook": "stalled", "version": "1a2b3c", "account": "northwind", "state": "active",
 "opened_at": "2026-03-02T10:00:00Z", "since": "2026-03-02T10:00:00Z", "held": 0, "running_since": null,
 "fired": ["2026-03-02T10:00:00Z"], "fired_at": "2026-03-02T10:00:00Z", "occurrence": 1,
 "planned": [{"step": 1, "occurrence": 1, "due": "2026-03-04T10:00:00Z", "held_back": false}],
 "tasks": [{"id": "act_1", "occurrence": 1, "open": true}],
 "readings": [{"text": "usage.breadth < 40 %", "value": "25 %", "truth": "true", "words": "usage breadth is 25 %"}],
 "rests_until": null, "ended_at": null, "outcome": "", "found_in": null, "event": null}
"""


def test_an_open_episode_goes_on() -> None:
    episode = msgspec.json.decode(EPISODE, type=Episode)
    playbook = stalled(steps="  - task: Call them\n  - {after: 2d, unless: task.done, alert: Nobody called}")
    late = step(playbook, episode, a_look(LOW, MONDAY + timedelta(days=2)))
    assert [(ask.kind, ask.occurrence) for ask in late.asks] == [("alert", 1)]
    assert late.episode is not None
    assert late.episode.is_under_way


def test_one_that_waits_for_its_condition_to_pass_waits_on() -> None:
    over = msgspec.structs.replace(msgspec.json.decode(EPISODE, type=Episode), state="over", planned=())
    waits = step(stalled(), over, a_look(LOW, MONDAY + timedelta(days=9)))
    assert (waits.episode, waits.asks) == (over, ())
    passed = step(stalled(), over, a_look(HIGH, MONDAY + timedelta(days=9)))
    assert passed.episode is not None
    assert passed.episode.state == "idle"


def test_an_account_that_was_stored_without_the_newer_fields_has_not_gone() -> None:
    stored = [
        "northwind",
        3,
        MONDAY,
        {"account.id": "northwind"},
        5200,
        7400,
        "amber",
        "green",
        [],
        [],
        False,
        [],
        None,
    ]
    stands = msgspec.msgpack.decode(msgspec.msgpack.encode([*stored, [7]]), type=Standing)
    assert (stands.met, stands.gone) == ([7], None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=Standing).met is None


def test_a_task_of_an_earlier_release_is_known_to_be_done_and_not_how() -> None:
    episode = msgspec.json.decode(EPISODE.replace('"open": true', '"open": false'), type=Episode)
    steps = "  - task: Call them\n  - {after: 2d, if: task.no_result, then: [alert: Nobody], else: [alert: They spoke]}"
    late = step(stalled(steps=steps), episode, a_look(LOW, MONDAY + timedelta(days=2)))
    assert [ask.step for ask in late.asks] == [3]


def test_what_waits_for_a_condition_is_stored_with_its_end() -> None:
    playbook = stalled(steps="  - {until: usage.breadth >= 30 %, within: 365d, else: [alert: A year]}")
    waits = step(playbook, None, a_look(LOW, MONDAY)).episode
    stored = msgspec.json.decode(msgspec.json.encode(waits), type=Episode)
    assert stored == waits
    year = step(playbook, stored, a_look(LOW, MONDAY + timedelta(days=365)))
    assert [ask.kind for ask in year.asks] == ["alert"]
