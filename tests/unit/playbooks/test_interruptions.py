"""While a source is interrupted nobody knows what rests on it; when it is back it is as if somebody had looked."""

from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [alert: Hi]\n"


def states(office: Office) -> list[str]:
    return [episode.state for episode in office.episodes.values()]


def test_what_is_not_known_does_not_count_however_late_it_is_looked_at() -> None:
    office = Office(STALLED + "held_for: 7d")
    office.assess(MONDAY, LOW)
    office.hear(MONDAY + DAY, "usage")
    office.hear(MONDAY + 3 * DAY)
    assert office.wait(MONDAY + 9 * DAY - HOUR) == []
    assert len(office.wait(MONDAY + 9 * DAY)) == 1


def test_it_fires_as_of_when_the_source_is_back() -> None:
    office = Office(STALLED)
    office.assess(MONDAY, HIGH)
    office.hear(MONDAY + DAY, "usage")
    assert office.assess(MONDAY + DAY + HOUR, LOW) == []
    office.hear(MONDAY + 2 * DAY)
    assert len(office.wait(MONDAY + 2 * DAY + HOUR)) == 1
    assert [one.fired_at for one in office.episodes.values()] == [MONDAY + 2 * DAY]


def test_a_new_rule_that_nobody_could_ask_finds_what_holds_when_the_source_is_back() -> None:
    office = Office(STALLED)
    office.assess(MONDAY, {**LOW, "support.urgent": 3})
    office.hear(MONDAY + DAY, "usage")
    office.adopt("id: rare\nwhen: [usage.breadth < 30 %, support.urgent >= 2]\nsteps: [task: Call them]")
    assert office.assess(MONDAY + 2 * DAY, {**LOW, "support.urgent": 3}) == []
    office.hear(MONDAY + 3 * DAY)
    assert office.wait(MONDAY + 3 * DAY) == []
    assert states(office) == ["active", "found"]


def test_what_an_import_brought_is_found_so_when_the_source_is_back() -> None:
    office = Office(STALLED)
    office.assess(MONDAY, HIGH)
    office.assess(MONDAY + HOUR, LOW, imports=["import-1"])
    office.hear(MONDAY + DAY, "usage")
    office.assess(MONDAY + DAY, LOW, found_in="import-1")
    assert states(office) == []
    office.hear(MONDAY + 2 * DAY)
    office.wait(MONDAY + 2 * DAY)
    assert [(one.state, one.found_in) for one in office.episodes.values()] == [("found", "import-1")]


def test_of_several_sources_each_has_its_time() -> None:
    office = Office(STALLED)
    office.hear(MONDAY, "usage")
    office.hear(MONDAY + HOUR, "tickets", "usage")
    known = office.interruptions
    office.hear(MONDAY + 2 * HOUR, "tickets", "usage")
    assert office.interruptions is known
    office.hear(MONDAY + 3 * HOUR, "tickets")
    assert [(one.source, one.since, one.until) for one in office.interruptions] == [
        ("usage", MONDAY, MONDAY + 3 * HOUR),
        ("tickets", MONDAY + HOUR, None),
    ]
    office.hear(MONDAY + 9 * DAY)
    assert [one.source for one in office.interruptions] == ["tickets"]


def test_who_moves_something_meanwhile_hides_nothing_of_it() -> None:
    office = Office(STALLED, "id: other\nwhen: support.urgent >= 2\nsteps: [task: Call]")
    office.assess(MONDAY, {"support.urgent": 2})
    office.hear(MONDAY + DAY, "usage")
    office.assess(MONDAY + DAY, {**LOW, "support.urgent": 2})
    office.hear(MONDAY + 2 * DAY)
    office.do(office.only("task"), "done", MONDAY + 2 * DAY + HOUR)
    assert [one.fired_at for one in office.episodes.values() if one.playbook == "stalled"] == [MONDAY + 2 * DAY]
