"""Playbooks that set what others wait for: they come to rest, and whoever wrote them is told."""

import logging
from pathlib import Path
from typing import Any

import pytest

from services.playbooks.files import load_all
from tests.support.desk import Office
from tests.support.playbooks import MONDAY, SECOND

FLIP = """
traits: {side: text}
id: flip
when: account.traits.side == left
steps: [trait: {side: right}]
"""
FLOP = FLIP.replace("flip", "flop").replace("left", "x").replace("right", "left").replace("== x", "== right")
HANDED = "on_event: account.updated\nsteps: [trait: {side: left}, task: Greet them]\n"


def come_round(office: Office, facts: dict[str, Any]) -> int:
    """Have scoring fold what playbooks set, and assess it, until they set nothing more. Returns how often."""
    office.assess(MONDAY, facts)
    for times, said in enumerate(office.updated, 1):
        assert times < 100
        office.facts = office.facts | {f"account.traits.{name}": value for name, value in said.traits.items()}
        office.event(MONDAY + times * SECOND, "account.updated", source="keepwell/playbooks", traits=said.traits)
    return len(office.updated)


def test_a_pair_that_flips_a_trait_between_them_comes_to_rest_and_says_so() -> None:
    office = Office(FLIP, FLOP)
    assert come_round(office, {"account.traits.side": "left"}) == 10
    (said,) = (move.reason for move in office.moves if move.reason.startswith("did not"))
    assert said == (
        "did not set side to right: playbooks set side so often within a day that they may undo each other's work"
    )


def test_what_playbooks_write_is_no_event_that_they_wait_for() -> None:
    office = Office("id: greet\n" + HANDED)
    office.event(MONDAY, "account.updated", traits={"plan": "pro"})
    assert come_round(office, office.facts) == 1
    assert len(office.open("task")) == 1


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        (("plan == pro", "trait: {plan: basic}"), ("plan == basic", "trait: {plan: pro}"), True),
        (("plan == pro", "trait: {plan: basic}"), ("plan == pro", "trait: {plan: team}"), False),
        # Both stay as they are.
        (("plan == pro", "trait: {segment: smb}"), ("segment == smb", "trait: {plan: pro}"), False),
        (("plan == pro", "trait: {segment: smb}"), ("segment == smb", "trait: {plan: team}"), False),
        (("owner is unknown", "assign_owner: least_loaded"), ("plan == pro", "task: Hi"), False),
        (("owner == a@x.io", "assign_owner: least_loaded"), ("owner == b@x.io", "assign_owner: least_loaded"), True),
    ],
)
def test_a_circle_of_playbooks_has_a_warning(
    first: tuple[str, str], second: tuple[str, str], warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for id, (when, step) in (("a", first), ("b", second)):
        text = f"id: {id}\nwhen: account.{when}\nsteps: [{step}]"
        (tmp_path / f"{id}.yaml").write_text(text, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        loaded = load_all(tmp_path)
    said = "These set what the next waits for, in a circle: a → b → a."
    assert [said in [warning.message for warning in one.warnings] for one in loaded] == [warned, False]
    assert (said in caplog.text) is warned


def test_a_circle_may_be_longer_and_lead_by_a_start(tmp_path: Path) -> None:
    texts = {
        "a": "when: account.plan == pro\nsteps: [start: b]",
        "b": "on_event: playbook.started\nsteps: [trait: {plan: team}]",
        "c": "when: account.plan == team\nsteps: [{trait: {plan: pro}, after: 1h}]",
    }
    for id, text in texts.items():
        (tmp_path / f"{id}.yaml").write_text(f"id: {id}\n{text}", encoding="utf-8")
    (warning,) = load_all(tmp_path)[0].warnings
    assert warning.message == "These set what the next waits for, in a circle: a → b → c → a."
