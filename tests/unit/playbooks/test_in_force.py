"""What playbooks go by: documents, at first those of the files, beside the catalogue that scoring keeps."""

from datetime import date
from pathlib import Path

import pytest

from services.playbooks.documents import PlaybooksInForce, read_in_force
from services.playbooks.files import CATALOGUE, CSMS, KINDS, TEMPLATES
from shared.conditions import Refused
from shared.documents.others import WithOthers
from shared.documents.shelf import YAML, Key, Version
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase

UOW = NoDatabase()
NORTH = """
id: north
title: The north
matter: usage
for_accounts: account.traits.region == north
when: usage.breadth < 40 %
traits: {region: text}
steps: [{task: Call them, due: 1 business day}]
"""
SOUTH = "id: south\nwhen: usage.breadth < 20 %\nsteps: [{alert: Hi, assign: [{person: ana}]}]"
ANA = "csms: [{id: ana, name: Ana, inbox: true}]"
REGION = "traits: {region: text}\n"


class House:
    """A folder with one playbook, which needs the trait `region`, and what this service and scoring keep."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.own, self.scoring = folder, FakeShelf(KINDS), FakeShelf(CATALOGUE[:1])
        self.notifier = FakeShelf([TEMPLATES])
        self.shelf = WithOthers(self.own, [self.scoring, self.notifier])
        (folder / "playbooks").mkdir()
        self.write("playbooks/north.yaml", NORTH)

    def write(self, name: str, text: str) -> None:
        """A file of the folder."""
        (self.folder / name).write_text(text)

    def made(self, catalogue: str | None = REGION) -> PlaybooksInForce:
        """A process, with such a catalogue in a file."""
        path = None if catalogue is None else self.folder / "catalogue.yaml"
        if path is not None:
            path.write_text(catalogue or "")
        return PlaybooksInForce(self.folder / "playbooks", self.folder / "csms.yaml", path, self.shelf)

    async def begun(self, catalogue: str | None = REGION) -> PlaybooksInForce:
        """One that has begun."""
        made = self.made(catalogue)
        await made.begin(UOW, NOW)
        return made

    async def put(self, text: str | None, key: Key = CATALOGUE) -> None:
        """Somebody puts a document, on whichever shelf is its own."""
        shelf = {CATALOGUE[0]: self.scoring, TEMPLATES: self.notifier}.get(key[0], self.own)
        number = 1 + max((one.version for one in shelf.put if one.key == key), default=0)
        await shelf.add(None, [Version(*key, number, text.encode() if text else None, YAML, "ada", NOW, False)])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def ids(documents: PlaybooksInForce) -> list[str]:
    return [one.playbook.id for one in documents.rules().library.loaded]


async def test_a_catalogue_that_is_put_counts_from_then_on(house: House) -> None:
    documents = await house.begun()
    assert documents.rules().declared.closed == ()
    await house.put(REGION + "closed: [2026-12-25]\n")
    await documents.refresh(None)
    assert documents.rules().declared.closed == (date(2026, 12, 25),)
    assert ids(documents) == ["north"]


async def test_a_catalogue_that_playbooks_do_not_fit_leaves_the_last_with_an_alarm(house: House) -> None:
    documents = await house.begun()
    await house.put("traits: {place: text}\n")
    await documents.refresh(None)
    assert dict(documents.rules().declared.traits) == {"region": "text"}
    assert "declares no trait `region`" in documents.alarms[0]
    assert (await house.begun()).alarms
    await house.put("traits: {region: text, place: text}\n")
    await documents.refresh(None)
    assert documents.alarms == []


async def test_after_a_restart_the_last_catalogue_that_fits_counts_with_what_was_edited(house: House) -> None:
    await house.begun()
    await house.put(REGION)
    await house.put(SOUTH.replace("person: ana", "least_loaded: {}"), ("playbooks", "south"))
    await house.put("traits: {}\n")
    again = await house.begun("traits: {}\n")
    assert ids(again) == ["north", "south"]
    assert again.alarms


async def test_playbooks_that_fit_what_was_put_need_no_file_that_they_fit(house: House) -> None:
    await house.put(REGION)
    documents = await house.begun("traits: {}\n")
    assert dict(documents.rules().declared.traits) == {"region": "text"}


async def test_playbooks_that_fit_no_catalogue_are_refused_at_start(house: House) -> None:
    with pytest.raises(Refused, match="declares no trait `region`"):
        await house.begun("traits: {}\n")
    house.write("playbooks/north.yaml", NORTH.replace("usage.breadth", "usage.bread"))
    with pytest.raises(Refused, match=r"north\.yaml:\d+:\d+.*usage\.bread"):
        await house.begun()


async def test_a_file_that_can_not_be_right_does_not_keep_what_is_in_force_from_starting_again(house: House) -> None:
    await house.begun()
    house.write("playbooks/north.yaml", "id: [")
    again = await house.begun()
    assert ids(again) == ["north"]
    assert "north.yaml:1:6" in again.alarms[0]
    assert [one.version for one in house.own.put] == [1]
    await house.put(SOUTH.replace("{person: ana}", "owner"), ("playbooks", "south"))
    await again.refresh(None)
    assert ids(again) == ["north", "south"]


async def test_a_process_that_ships_nothing_reads_what_is_in_force_whatever_lies_in_the_files(house: House) -> None:
    await house.begun()
    house.write("playbooks/north.yaml", "id: [")
    house.write("csms.yaml", "csms: 3")
    found = await read_in_force(None, house.folder / "catalogue.yaml", house.shelf)
    assert [one.playbook.title for one in found.rules.library.loaded] == ["The north"]
    assert dict(found.rules.declared.traits) == {"region": "text"}


async def test_a_release_whose_playbooks_need_its_catalogue_waits_until_scoring_has_put_that(house: House) -> None:
    await house.put("traits: {}\n")
    house.write("playbooks/north.yaml", SOUTH.replace("{person: ana}", "owner").replace("south", "north"))
    await house.begun()
    house.write("playbooks/north.yaml", NORTH)
    later = await house.begun()
    assert "does not fit" in later.alarms[0]
    await house.put(REGION)
    await later.refresh(None)
    assert later.alarms == []
    assert later.rules().library.current["north"].title == "The north"


async def test_what_was_edited_or_deleted_stays_when_files_change(house: House) -> None:
    house.write("playbooks/south.yaml", SOUTH)
    house.write("csms.yaml", ANA)
    await house.begun()
    await house.put(NORTH.replace("The north", "Mine"), ("playbooks", "north"))
    await house.put(None, ("playbooks", "south"))
    house.write("playbooks/north.yaml", NORTH.replace("40", "50"))
    house.write("csms.yaml", ANA.replace("Ana", "Anna"))
    again = await house.begun()
    assert ids(again) == ["north"]
    assert again.rules().library.current["north"].title == "Mine"
    assert [one.name for one in again.rules().directory.csms] == ["Anna"]


async def test_people_who_are_named_by_a_playbook_can_not_go_from_under_it(house: House) -> None:
    house.write("playbooks/south.yaml", SOUTH)
    house.write("csms.yaml", ANA)
    documents = await house.begun()
    await house.put("csms: [{id: bea, name: Bea, inbox: true}]", CSMS)
    await documents.refresh(None)
    assert [one.id for one in documents.rules().directory.csms] == ["ana"]
    assert "playbooks/south:3:" in documents.alarms[0]
    assert "`ana` is not in the directory of CSMs." in documents.alarms[0]


async def test_people_stay_the_same_ones_while_their_text_does(house: House) -> None:
    house.write("csms.yaml", ANA)
    documents = await house.begun()
    await house.put(SOUTH, ("playbooks", "south"))
    await documents.refresh(None)
    before = documents.rules().directory
    await house.put(None, ("playbooks", "south"))
    await documents.refresh(None)
    assert documents.rules().directory is before


async def test_a_message_by_a_template_that_is_not_there_has_a_warning_until_it_is(house: House) -> None:
    steps = "steps: [{message: adoption-tip, to: champion}]"
    house.write("playbooks/north.yaml", f"id: north\nwhen: usage.breadth < 40 %\n{steps}")
    documents = await house.begun()
    for known, hint in ((None, None), ("adoption-tips", "Did you mean `adoption-tips`?"), ("adoption-tip", None)):
        if known is not None:
            await house.put("languages: {}", ("templates", known))
        await house.put(REGION + f"# {known}")
        await documents.refresh(None)
        warnings = documents.now.entries["north"].warnings
        if known == "adoption-tip":
            assert warnings == ()
        else:
            (warning,) = warnings
            assert (warning.position.line, warning.suggestion) == (3, hint)
