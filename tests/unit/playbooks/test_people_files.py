"""The directory as ops write it: who works when, who stands in for whom, and what is told of what can't be meant."""

import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.playbooks.core.directory import Directory
from services.playbooks.core.strategy import Rule
from services.playbooks.core.workinghours import Duration, add, next_working
from services.playbooks.files import read_people
from shared.conditions import Refused

ANA = "{id: ana, name: Ana, email: ana@example.com, MORE}"
BEN = "{id: ben, name: Ben, email: ben@example.com, manager: lee}"
LEE = "{id: lee, name: Lee, email: lee@example.com}"


def people(more: str = "inbox: true", beside: str = "") -> Directory:
    return read_people(_text(more, beside), "csms.yaml")


def wrong(more: str = "inbox: true", beside: str = "") -> list[str]:
    with pytest.raises(Refused) as refused:
        people(more, beside)
    return [str(one) for one in refused.value.problems]


def _text(more: str, beside: str) -> str:
    return f"csms:\n  - {ANA.replace('MORE', more)}\n  - {BEN}\n  - {LEE}\n{beside}"


def test_somebody_works_other_hours_on_other_days() -> None:
    hours = people("hours: {mon-thu: 08:00-12:00, sat: 10:00-11:00}").person("ana").hours
    assert next_working(hours, datetime(2026, 3, 5, 13, tzinfo=UTC)) == datetime(2026, 3, 7, 10, tzinfo=UTC)
    assert next_working(hours, datetime(2026, 3, 7, 11, tzinfo=UTC)) == datetime(2026, 3, 9, 8, tzinfo=UTC)
    two_days = add(hours, datetime(2026, 3, 5, 9, tzinfo=UTC), Duration(business_days=2))
    assert two_days == datetime(2026, 3, 9, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("{mon-wed: 09:00-17:00, tue: 09:00-12:00}", "Tuesday is there twice."),
        ("{fri-mon: 09:00-17:00}", "`fri-mon` goes backwards; write the earlier day of the week first."),
        ("{mondag: 09:00-17:00}", "`mondag` is no day of the week; write monday or mon. Did you mean `monday`?"),
        ("{mon: 17:00-09:00}", "`17:00-09:00` are no working hours; write them as 09:00-17:00."),
    ],
)
def test_hours_that_make_no_week_are_refused_with_their_place(hours: str, said: str) -> None:
    (problem,) = wrong(f"hours: {hours}")
    assert problem.startswith("csms.yaml:2:")
    assert problem.endswith(said)


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("ana.example.com", "An email address must have an @-sign."),
        ("ana@exa mple.com", "contains invalid characters: SPACE."),
        ("Ana <ana@example.com>", "A display name and angle brackets around the email address are not permitted here."),
    ],
)
def test_what_is_no_address_is_refused_with_its_place(email: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_people(f"csms:\n  - id: ana\n    name: Ana\n    email: {email}\n", "csms.yaml")
    (problem,) = map(str, refused.value.problems)
    assert problem.startswith("csms.yaml:4:12")
    assert problem.endswith(said)


def test_an_address_of_any_script_is_one() -> None:
    read = read_people("csms: [{id: zoe, name: Zoë, email: zoë@bücher.example}]", "csms.yaml")
    assert read.person("zoe").email == "zoë@bücher.example"


def test_days_are_said_once() -> None:
    (problem,) = wrong("hours: {mon: 09:00-17:00}, days: [tue]")
    assert "take `days` out" in problem


def test_holidays_are_a_countrys_or_a_day_or_days_for_one_or_for_all() -> None:
    here = people("holidays: [DE-BY, 2026-07-01]", "holidays: [PL, 2026-12-28..2026-12-30]")
    ana, ben = (here.person(name).hours.holidays for name in ("ana", "ben"))
    epiphany, corpus_christi = date(2026, 1, 6), date(2026, 6, 4)
    constitution_day, unity_day = date(2026, 5, 3), date(2026, 10, 3)
    assert {epiphany, corpus_christi, constitution_day, date(2026, 12, 29)} <= {*ben} == {*here.office.holidays}
    assert {unity_day, date(2026, 7, 1)} <= {*ana}
    assert not {unity_day, date(2026, 7, 1)} & {*ben}


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-02-30", "There is no such day as `2026-02-30`."),
        ("PLL", "`PLL` is no date; write one such as 2026-12-25, or a country such as PL or DE-BY."),
        ("XQ", "There is no country `XQ` whose holidays are known. Write the two letters of ISO 3166, "),
        ("DE-BX", "`DE` has no part `BX` whose holidays are known. There are BB, BE, BW,"),
        ("PL-MA", "`PL` has no part `MA` whose holidays are known. Write PL alone."),
    ],
)
def test_a_holiday_that_can_not_be_is_one_sentence_with_its_place(day: str, said: str) -> None:
    (problem,) = wrong(beside=f"holidays: [2026-12-25, {day}]")
    assert problem.startswith("csms.yaml:5:24: ")
    assert said in problem


def test_a_manager_who_is_not_said_is_the_lead_of_the_team() -> None:
    here = people("team: east", "teams: [{id: east, name: East, lead: ben@example.com}]")
    assert [one.id for one in here.managers(here.person("ana"))] == ["ben", "lee"]
    assert [(one.id, one.name, one.lead) for one in here.teams_of(here.person("ana"))] == [("east", "East", "ben")]
    assert [one.id for one in here.led_by(here.person("lee"))] == ["ana", "ben"]


def test_a_team_is_named_by_its_people_or_lists_them() -> None:
    here = people("team: east", "teams: [{id: east, members: [Ben@example.com]}]")
    assert [one.id for one in here.teammates(here.person("ana"))] == ["ben"]
    assert people("team: west").with_(None, None, "west") == (people("team: west").person("ana"),)


@pytest.mark.parametrize(
    ("more", "beside", "said"),
    [
        ("deputy: bem", "", "The deputy `bem` is not in the directory. Did you mean `ben`?"),
        ("deputy: ana", "", "Nobody is their own deputy: who would stand in for them?"),
        ("manager: ana", "", "Nobody is their own manager: who would hear of what is overdue?"),
        ("team: eats", "teams: [{id: east}]", "There is no team `eats`. Did you mean `east`?"),
        ("inbox: true", "teams: [{id: east, lead: bem}]", "5:26: The lead `bem` is not in the directory."),
        ("inbox: true", "teams: [{id: east, members: [bem]}]", "5:30: `bem` of the team is not in the directory."),
        ("inbox: true", "teams: [{id: east}, {id: east}]", "5:21: `east` is there twice, by id."),
        ("inbox: true", "when_gone: [{team: eats}]\nteams: [{id: east}]", "5:12: There is no team `eats`. Did you"),
        ("inbox: true", "when_away: {to: {person: bem}}", "5:12: `bem` is not in the directory. Did you mean `ben`?"),
        ("inbox: true", "when_away: {after: soon}", "'soon' is no duration"),
        ("away: [{from: 2026-03-09, to: 2026-03-02}]", "", "`to` lies before `from`."),
        ("left: 2026-13-01", "", "There is no such day as `2026-13-01`."),
    ],
)
def test_whoever_is_not_there_is_refused_with_the_nearest_name(more: str, beside: str, said: str) -> None:
    (problem,) = wrong(more, beside)
    assert said in problem


def test_a_lead_is_above_nobody_who_is_above_them() -> None:
    (problem,) = wrong("manager: ben", "teams: [{id: east, lead: ana, members: [lee]}]")[:1]
    assert "is, in the end, their own manager" in problem


@pytest.mark.parametrize(
    ("more", "beside", "said"),
    [
        ("deputy: ben", "", ""),
        ("left: 2026-03-01, away: [{from: 2026-03-01, to: 2026-03-02}]", "", "They have left by then: `left` is"),
        ("inbox: true", "when_gone: [{least_loaded: {tier: chief}}]", "There is no chief CSM."),
    ],
)
def test_what_merely_looks_wrong_is_a_warning(
    caplog: pytest.LogCaptureFixture, more: str, beside: str, said: str
) -> None:
    with caplog.at_level(logging.WARNING):
        people(more, beside)
    assert (said in caplog.text) if said else not caplog.records


def test_a_circle_of_deputies_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    text = _text("deputy: ben", "").replace("manager: lee", "deputy: ana")
    with caplog.at_level(logging.WARNING):
        here = read_people(text, "csms.yaml")
    (record,) = caplog.records
    assert "These stand in for each other: `ana` → `ben` → `ana`." in record.getMessage()
    assert [one.id for one in here.deputies(here.person("ana"))] == ["ben"]


def test_what_becomes_of_open_work_is_said_or_sensible() -> None:
    unsaid = people().absence
    assert (unsaid.after, unsaid.urgent_after) == (Duration(business_days=2), Duration())
    assert unsaid.when_gone == (Rule("deputy"), Rule("team"), Rule("manager"))
    said = people(
        "team: east",
        "when_away: {after: 1 business day, urgent_after: 4h, to: [deputy, {person: ben}]}\n"
        "when_gone: {least_loaded: {team: east, by: accounts}}",
    ).absence
    assert said.when_away == (Rule("deputy"), Rule("person", "ben"))
    assert said.when_gone == (Rule("least_loaded", team="east", by="accounts"),)
    assert said.after == Duration(business_days=1)


@pytest.mark.parametrize("place", ["docs/people.md", "services/playbooks/csms.example.yaml"])
def test_the_examples_can_be_used_as_they_are(place: str, caplog: pytest.LogCaptureFixture) -> None:
    text = (Path(__file__).parents[3] / place).read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0] if place.endswith(".md") else text
    with caplog.at_level(logging.WARNING):
        here = read_people(example, place)
    assert len(here.csms) >= 3
    assert here.teams
    assert not caplog.records
