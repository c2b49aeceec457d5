from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.assignment import (
    Assignment,
    Load,
    Rule,
    assign,
    candidates,
)
from services.playbooks.core.directory import Absence, Csm, Directory
from tests.support.playbooks import MONDAY

OWNER = "owner@example.com"
DIRECTORY = Directory(
    (
        Csm(id="own", name="Owner", email=OWNER, capacity=2),
        Csm(id="east", name="Senior east", tier="senior", skills=("billing",)),
        Csm(id="west", name="Senior west", tier="senior"),
        Csm(id="off", name="Senior off", tier="senior", away=(Absence(date(2026, 3, 1), date(2026, 3, 8)),)),
    )
)
SENIOR = Rule("least_loaded", tier="senior")


def who(found: Assignment) -> str:
    return found.to.id if found.to is not None else "nobody"


def test_the_owner_comes_first() -> None:
    found = assign([Rule(), SENIOR], OWNER, DIRECTORY, {}, MONDAY)
    assert (who(found), found.because) == ("own", "owner of the account")


def test_an_owner_who_is_full_is_skipped_and_it_says_so() -> None:
    loads = {"own": Load(open_tasks=2), "east": Load(open_tasks=3), "west": Load(open_tasks=1)}
    found = assign([Rule(), SENIOR], OWNER, DIRECTORY, loads, MONDAY)
    assert who(found) == "west"
    assert found.because == "least loaded of 2 senior CSMs, with 1 open; the owner is full, with 2 open"


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


def test_nobody_is_said_to_be_nobody() -> None:
    found = assign([Rule(), Rule("least_loaded", tier="lead")], None, DIRECTORY, {}, MONDAY)
    assert found.to is None
    assert found.because == "nobody: the account has no owner; there is no lead CSM"


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
        assert found.to.id != "own" or loads.get("own", Load()).open_tasks < 2
