"""The diagrams are those of the tables that the code runs."""

import pytest

from deploy.machines import MACHINES, PAGE, Machine, diagram, page

each = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.title)


def test_the_document_is_current() -> None:
    # After a change: make generated
    assert PAGE.read_text(encoding="utf-8") == page()


@each
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached, size = set(machine.begins), 0
    while len(reached) > size:
        size = len(reached)
        reached |= {after for (before, _), after in machine.moves.items() if before in reached}
    assert reached == {state for (before, _), after in machine.moves.items() for state in (before, after)}


def test_what_leads_the_same_way_shares_an_arrow() -> None:
    machine = Machine("A door", "", {("open", "shut"): "shut", ("open", "slammed"): "shut"}, ("open",))
    assert diagram(machine).splitlines()[2:-1] == ["    [*] --> open", "    open --> shut: shut, slammed"]
