from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.playbooks.core.assignment import (
    Assignment,
    Load,
    When,
    assign,
    candidates,
)
from services.playbooks.core.directory import Absence, Csm, Directory, Team
from services.playbooks.core.strategy import Rule
from services.playbooks.core.workinghours import Hours
from tests.support.playbooks import MONDAY

OWNER = "owner@example.com"
DIRECTORY = Directory(
    (
        Csm(id="own", name="Owner", email=OWNER, capacity=2),
        Csm(id="east", name="Senior east", slack="U1", tier="senior", skills=("billing",)),
        Csm(id="west", name="Senior west", email="west@example.com", tier="senior"),
        Csm(
            id="off", name="Senior off", inbox=True, tier="senior", away=(Absence(date(2026, 3, 1), date(2026, 3, 8)),)
        ),
    )
)
SENIOR = Rule("least_loaded", tier="senior")


def who(found: Assignment) -> str:
    return found.to.id if found.to is not None else "nobody"


def test_the_owner_comes_first() -> None:
    found = assign([Rule(), SENIOR], OWNER, DIRECTORY, {}, MONDAY)
    assert (who(found), found.because) == ("own", "owner of the account")


def test_a_full_owner_still_gets_their_own_customer() -> None:
    assert who(assign([Rule(), SENIOR], OWNER, DIRECTORY, {"own": Load(open_tasks=2)}, MONDAY)) == "own"


def test_who_is_full_is_passed_over_where_others_can_be_chosen_and_it_says_so() -> None:
    pool = Rule("least_loaded", skill="renewals")
    people = Directory((Csm(id="ann", name="Ann", email="a@example.com", skills=("renewals",), capacity=2),))
    found = assign([pool, Rule("person", "x@example.com")], None, people, {"ann": Load(open_tasks=2)}, MONDAY)
    assert (who(found), found.passed_over) == ("x@example.com", ("Ann is full, with 2 open",))


def test_an_alert_needs_no_room() -> None:
    assert assign(
        [Rule()], OWNER, DIRECTORY, {"own": Load(open_tasks=9)}, MONDAY, needs_room=False
    ).to == DIRECTORY.find("own")


def test_people_who_are_away_are_skipped() -> None:
    found = assign([Rule("person", "off"), Rule()], OWNER, DIRECTORY, {}, MONDAY)
    assert found.because == "owner of the account; Senior off is away until 8 Mar 2026"


def test_ties_go_by_id() -> None:
    assert who(assign([SENIOR], None, DIRECTORY, {}, MONDAY)) == "east"


def test_of_two_who_are_as_free_the_one_who_has_waited_longer_gets_it() -> None:
    loads = {"east": Load(open_tasks=1, turn=4), "west": Load(open_tasks=1, turn=3)}
    assert who(assign([SENIOR], None, DIRECTORY, loads, MONDAY)) == "west"


def test_skills_narrow_the_choice() -> None:
    loads = {"east": Load(open_tasks=50)}
    assert who(assign([Rule("least_loaded", skill="billing")], None, DIRECTORY, loads, MONDAY)) == "east"


def test_turns_go_round() -> None:
    loads: dict[str, Load] = {}
    got = []
    for turn in range(1, 5):
        chosen = who(assign([Rule("round_robin", tier="senior")], None, DIRECTORY, loads, MONDAY))
        got.append(chosen)
        loads[chosen] = Load(turn=turn)
    assert got == ["east", "west", "east", "west"]


def test_an_owner_outside_the_directory_is_an_address() -> None:
    found = assign([Rule()], "new@example.com", Directory(), {}, MONDAY)
    assert (found.to and found.to.email, found.to and found.to.recipient.time_zone) == ("new@example.com", "UTC")


def test_what_nobody_was_found_for_goes_to_the_last_resort() -> None:
    found = assign([Rule(), Rule("least_loaded", tier="lead")], None, DIRECTORY, {}, MONDAY)
    assert (found.to, found.channel, found.last_resort) == (None, None, True)
    assert found.because == "last resort; the account has no owner; there is no lead CSM"
    assert found.passed_over == ("the account has no owner", "there is no lead CSM")


def with_roles(**roles: str) -> Directory:
    kim = Csm(id="kim", name="Kim", email="kim@example.com", manager="lee")
    return Directory((kim, Csm(id="lee", name="Lee", email="lee@example.com"), AWAY), roles=roles)


AWAY = Csm(
    id="off", name="Off", email="off@example.com", manager="lee", away=(Absence(date(2026, 3, 1), date(2026, 3, 8)),)
)


@pytest.mark.parametrize(
    ("last_resort", "to", "channel"),
    [
        ("kim", "kim", None),
        ("off", "lee", None),
        ("slack:#cs", "nobody", "slack:#cs"),
        ("teams", "nobody", "teams"),
        ("inbox", "nobody", "inbox"),
    ],
)
def test_the_last_resort_is_a_person_or_who_stands_for_them_or_a_channel(
    last_resort: str, to: str, channel: str | None
) -> None:
    found = assign([Rule()], "gone@example.com", with_roles(last_resort=last_resort), {}, MONDAY)
    assert (who(found), found.channel, found.last_resort) == (to, channel, True)
    assert found.passed_over == ("the owner 'gone@example.com' is not in the directory",)


@pytest.mark.parametrize(
    ("role", "roles", "to", "channel"),
    [
        ("finance", {"finance": "lee"}, "lee", None),
        ("finance", {"finance": "slack:#money"}, "nobody", "slack:#money"),
        ("finance", {}, "kim", None),
        ("lead", {}, "lee", None),
        ("nps_owner", {"ops": "slack:#ops"}, "nobody", "slack:#ops"),
    ],
)
def test_a_role_is_of_a_person_a_channel_or_the_owner(
    role: str, roles: dict[str, str], to: str, channel: str | None
) -> None:
    found = assign([Rule("role", role)], "kim", with_roles(**roles), {}, MONDAY)
    assert (who(found), found.channel, found.last_resort) == (to, channel, False)


@pytest.mark.parametrize(
    "said",
    ["zoe@example.com", " ZOE@Example.COM ", "Zoë Müller <zoe@example.com>", "Zoë  müller", "Zoe\u0308 Müller", "zm"],
)
def test_an_owner_is_understood_however_they_are_written(said: str) -> None:
    zoe = Csm(id="zm", name="Zoë Müller", email="Zoe@example.com")
    assert assign([Rule()], said, Directory((zoe,)), {}, MONDAY).to == zoe


@pytest.mark.parametrize("said", ["Ana Unlisted", "", "  ", None, "Kim <somebody@example.com>, Lee", "<>"])
def test_an_owner_who_is_nobody_here_is_passed_over(said: str | None) -> None:
    found = assign([Rule(), Rule("role", "lead"), SENIOR], said, with_roles(), {}, MONDAY)
    assert found.last_resort
    assert found.passed_over


def test_a_name_that_two_have_is_nobodys() -> None:
    twins = Directory(tuple(Csm(id=id, name="Kim", email=f"{id}@example.com") for id in ("a", "b")))
    assert twins.find("kim") is None


def test_whom_no_channel_reaches_is_passed_over() -> None:
    found = assign([Rule()], "own", Directory((Csm(id="own", name="Owner"),)), {}, MONDAY)
    assert found.passed_over == ("the owner is reached by no channel",)


def test_who_will_be_away_when_it_is_brought_is_passed_over() -> None:
    saturday = datetime(2026, 2, 28, 11, tzinfo=UTC)
    when = When(saturday, lambda csm: saturday)
    found = assign([Rule("person", "off"), Rule("person", "kim")], None, with_roles(), {}, when)
    assert (who(found), found.passed_over) == ("kim", ("Off is away until 8 Mar 2026",))


def test_what_is_due_before_somebody_works_goes_to_who_does() -> None:
    friday = datetime(2026, 3, 6, 17, 5, tzinfo=UTC)
    weekly, always = Hours(), Hours(days=tuple(range(7)), start=time(0), end=time(23))
    people = Directory(
        (
            Csm(id="kim", name="Kim", email="k@example.com", hours=weekly),
            Csm(id="lee", name="Lee", email="l@example.com", hours=always),
        )
    )
    when = When(friday, due=friday + timedelta(hours=24))
    found = assign([Rule("person", "kim"), Rule("person", "lee")], None, people, {}, when)
    assert who(found) == "lee"
    assert "not at work before" in found.passed_over[0]


rules = st.lists(
    st.sampled_from(
        [Rule(), Rule("person", "off"), SENIOR, Rule("round_robin"), Rule("least_loaded", skill="billing")]
    ),
    min_size=1,
)
loaded = st.dictionaries(
    st.sampled_from(["own", "east", "west"]), st.builds(Load, st.integers(0, 5), st.integers(0, 5))
)


@given(rules, st.sampled_from([OWNER, "other@example.com", None]), loaded)
def test_the_choice_is_somebody_who_may_get_it_and_says_why(
    rules: list[Rule], owner: str | None, loads: dict[str, Load]
) -> None:
    found = assign(rules, owner, DIRECTORY, loads, MONDAY)
    assert found.because
    assert found == assign(rules, owner, DIRECTORY, dict(reversed(loads.items())), MONDAY)
    if found.to is not None:
        assert found.to.id in candidates(rules, owner, DIRECTORY)
        assert found.to.id != "off"
        assert found.to.id != "own" or Rule() in rules or loads.get("own", Load()).open_tasks < 2


HOLIDAY = Absence(date(2026, 3, 2), date(2026, 3, 6))
EAST = ("east",)
TEAMS = Directory(
    (
        Csm(id="ana", name="Ana", email="ana@example.com", deputy="ben", manager="lee", away=(HOLIDAY,), teams=EAST),
        Csm(id="ben", name="Ben", email="ben@example.com", deputy="cy", teams=EAST),
        Csm(id="cy", name="Cy", email="cy@example.com", teams=EAST),
        Csm(id="lee", name="Lee", email="lee@example.com"),
    ),
    teams=(Team(id="east", name="East", lead="lee"),),
)


def test_who_is_away_has_a_deputy_and_may_have_it_back() -> None:
    found = assign([Rule()], "ana@example.com", TEAMS, {}, MONDAY)
    assert (who(found), found.stands_for, found.last_resort) == ("ben", "ana", False)
    assert found.because == "stands in for Ana; the owner is away until 6 Mar 2026"
    gone = replace(TEAMS.csms[1], left=MONDAY.date())
    without = Directory((TEAMS.csms[0], gone, *TEAMS.csms[2:]))
    assert who(assign([Rule()], "ana@example.com", without, {}, MONDAY)) == "cy"


def test_a_deputy_and_a_team_are_the_owners() -> None:
    deputy = assign([Rule("deputy")], "ana@example.com", TEAMS, {}, MONDAY)
    assert (who(deputy), deputy.because) == ("ben", "deputy of the owner")
    loads = {"ben": Load(open_tasks=3), "cy": Load(open_tasks=1)}
    team = assign([Rule("team")], "ana@example.com", TEAMS, loads, MONDAY)
    assert (who(team), team.because) == ("cy", "least loaded of 2 teammates of the owner, with 1 open")
    assert who(assign([Rule("least_loaded", team="east")], None, TEAMS, loads, MONDAY)) == "cy"


def test_rules_about_somebody_go_by_their_people_and_not_the_owners() -> None:
    about = TEAMS.csms[1]
    found = assign([Rule("deputy")], "ana@example.com", TEAMS, {}, MONDAY, about=about)
    assert (who(found), found.because) == ("cy", "deputy of Ben")
    nobody = assign([Rule("deputy"), Rule("manager")], None, TEAMS, {}, MONDAY, about=TEAMS.csms[3])
    assert (nobody.last_resort, nobody.passed_over) == (True, ("Lee has no deputy", "Lee has no manager"))


def test_who_has_left_gets_nothing_from_that_day_on() -> None:
    leaving = replace(TEAMS.csms[2], left=date(2026, 3, 3))
    here = Directory((*TEAMS.csms[:2], leaving, TEAMS.csms[3]))
    assert who(assign([Rule("person", "cy")], None, here, {}, MONDAY)) == "cy"
    gone = assign([Rule("person", "cy")], None, here, {}, MONDAY + timedelta(days=1))
    assert gone.passed_over == ("Cy is gone since 3 Mar 2026",)


def test_load_is_tasks_accounts_or_revenue() -> None:
    loads = {
        "ben": Load(open_tasks=1, accounts=9, mrr=Fraction(100), said="€100/month"),
        "cy": Load(open_tasks=5, accounts=2, mrr=Fraction(900), said="€900/month"),
        "lee": Load(open_tasks=9, accounts=8, mrr=Fraction(500), said="€500/month"),
    }
    found = {
        by: assign([Rule("least_loaded", by=by)], None, TEAMS, loads, MONDAY).because
        for by in (None, "accounts", "mrr")
    }
    assert found == {
        None: "least loaded of 3 CSMs, with 1 open",
        "accounts": "least loaded of 3 CSMs, with 2 accounts",
        "mrr": "least loaded of 3 CSMs, with €100/month",
    }
