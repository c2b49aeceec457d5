"""What is asked of the lists that people work through."""

import pytest

from services.playbooks.lists import Wanted


@pytest.mark.parametrize(
    ("asked", "found"), [(None, ["ana", "ben"]), ("ana", ["ana"]), ("cy", []), ("nobody@example.com", [])]
)
def test_of_a_team_and_a_person_both_count(asked: str | None, found: list[str]) -> None:
    wanted = Wanted({"assignee": asked, "kind": "task"}, team="east").within(["ana", "ben"])
    assert (wanted.columns, wanted.team) == ({"assignee": found, "kind": "task"}, None)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted({"assignee": None, "state": None}, sort="due"), False),
        (Wanted({"assignee": "ana", "state": None}), True),
        (Wanted({"assignee": None}, unassigned=False), True),
        (Wanted({"assignee": None}, team="east"), True),
    ],
)
def test_what_names_nothing_is_all_that_there_is(wanted: Wanted, names: bool) -> None:
    assert wanted.names_any is names
