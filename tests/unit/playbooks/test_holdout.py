"""A share of accounts that is held out: it is decided about, and nothing is asked for."""

import pytest

from shared.conditions import Refused
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, a_playbook

MAIL = """
id: mail
{mode}
{holdout}
when: usage.breadth < 40 %
repeat: {{after: 1d}}
steps:
  - message: tips
    to: champion
  - trait: {{segment: quiet}}
    after: 1d
"""
CALL = "id: call\nholdout: 10 %\nwhen: usage.breadth < 40 %\nsteps: [{steps}]"


def mail(share: int = 0, mode: str = "") -> str:
    return MAIL.format(holdout=f"holdout: {share} %" if share else "", mode=f"mode: {mode}" if mode else "")


def an_id_that_holds_out_northwind(share: int = 50) -> str:
    """The text of a playbook that has the account of the office in its share."""
    for n in range(50):
        text = mail(share).replace("id: mail", f"id: mail-{n}")
        office = Office(text)
        office.assess(MONDAY, LOW)
        if office.firings[0].held_out:
            return text
    raise AssertionError("Chance would have it.")


def test_it_is_decided_about_and_asks_for_nothing_each_time() -> None:
    text = an_id_that_holds_out_northwind()
    office = Office(text)
    assert office.assess(MONDAY, LOW) == []
    assert office.wait(MONDAY + DAY) == []
    assert (office.updated, office.sendings) == ([], [])
    (episode,) = office.episodes.values()
    assert (episode.state, episode.held_out) == ("active", True)
    said = [one.reason for one in office.moves]
    assert "held out: would write to champion by the template tips" in said
    assert "held out: would set segment to quiet" in said
    office.assess(MONDAY + 2 * DAY, HIGH)
    assert office.cancelled == []
    office.assess(MONDAY + 4 * DAY, LOW)
    assert [one.held_out for one in office.firings] == [True, True]


def test_it_goes_the_same_way_at_the_same_instants_as_without() -> None:
    text = an_id_that_holds_out_northwind()
    lives = []
    for playbook in (text, text.replace("holdout: 50 %", "")):
        office = Office(playbook)
        for day, facts in enumerate((LOW, HIGH, LOW, LOW)):
            office.assess(MONDAY + 2 * day * DAY, facts)
        lives.append([(one.at, one.before, one.after) for one in office.moves if one.before != one.after])
    assert lives[0] == lives[1]


def test_what_was_found_so_for_it_is_on_no_list_and_in_shadow_nothing_is_new() -> None:
    text = an_id_that_holds_out_northwind()
    office = Office(text)
    office.assess(MONDAY, LOW, found_in="import-1")
    assert [one.state for one in office.episodes.values()] == ["found"]
    assert not [key for key in office.timers if key.startswith("digest:")]
    office = Office(text.replace("when:", "mode: shadow\nwhen:"))
    office.assess(MONDAY, LOW)
    assert [(one.shadow, one.held_out) for one in office.firings] == [(True, True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CALL.format(steps="{task: Call}"), "`holdout` needs steps that go by themselves, and this has `task`."),
        (
            CALL.format(steps="{if: health.band == red, then: [{alert: Look}]}"),
            "`holdout` needs steps that go by themselves, and this has `alert`.",
        ),
        (
            CALL.format(steps="{message: tips, to: champion}") + "\non_exit: [{alert: Over}]",
            "`holdout` needs steps that go by themselves, and this has `alert`.",
        ),
        (CALL.format(steps="{start: other}"), "`holdout` needs steps that go by themselves, and this has `start`."),
        (mail(51), "A share of 1 to 50 % can be held out, not 51 %."),
        (mail(1).replace("1 %", "0 %"), "A share of 1 to 50 % can be held out, not 0 %."),
        (mail(1).replace("1 %", "a tenth"), "'a tenth' is no share; write one such as 10 %."),
    ],
)
def test_a_share_that_makes_no_sense_is_refused_at_its_place(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        a_playbook(text)
    (problem,) = refused.value.problems
    assert problem.message == said
    line = next(number for number, one in enumerate(text.split("\n"), 1) if one.startswith("holdout"))
    assert problem.position is not None
    assert problem.position.line == line
