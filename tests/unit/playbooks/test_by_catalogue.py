"""Playbooks go by the catalogue that scoring keeps: at first by a file, then by what was put, while they fit it."""

from datetime import date
from pathlib import Path

import pytest

from services.playbooks.catalogue import ByCatalogue
from shared.conditions import Refused
from shared.documents.shelf import Version
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase

UOW = NoDatabase()
PLAYBOOK = """
id: north
title: The north
matter: usage
for_accounts: account.traits.region == north
when: usage.breadth < 40 %
traits: {region: text}
steps: [{task: Call them, due: 1 business day}]
"""


class House:
    """A folder with one playbook, which needs the trait `region`, and what scoring keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shelf = folder, FakeShelf(["catalogue"])
        (folder / "playbooks").mkdir()
        (folder / "playbooks" / "north.yaml").write_text(PLAYBOOK)

    def begin(self, catalogue: str | None) -> ByCatalogue:
        """With such a file beside."""
        path = None if catalogue is None else self.folder / "catalogue.yaml"
        if path is not None:
            path.write_text(catalogue or "")
        return ByCatalogue(self.folder / "playbooks", self.folder / "csms.yaml", path, self.shelf)

    async def put(self, text: str) -> None:
        """Somebody puts a catalogue."""
        one = Version(
            *("catalogue", "main"), len(self.shelf.put) + 1, text.encode(), "application/yaml", "ada", NOW, False
        )
        await self.shelf.add(None, [one])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_what_is_put_counts_from_then_on(house: House) -> None:
    by = house.begin("traits: {region: text}\n")
    await by.begin(UOW)
    assert by.rules().declared.closed == ()
    await house.put("traits: {region: text}\nclosed: [2026-12-25]\n")
    await by.refresh(None)
    assert by.rules().declared.closed == (date(2026, 12, 25),)
    assert [one.playbook.id for one in by.rules().library.loaded] == ["north"]


async def test_a_catalogue_that_playbooks_do_not_fit_leaves_the_last_with_an_alarm(house: House) -> None:
    by = house.begin("traits: {region: text}\n")
    await by.begin(UOW)
    await house.put("traits: {place: text}\n")
    await by.refresh(None)
    assert dict(by.rules().declared.traits) == {"region": "text"}
    assert "declares no trait `region`" in by.alarms[0]
    again = house.begin("traits: {region: text}\n")
    await again.begin(UOW)
    assert again.alarms
    await house.put("traits: {region: text, place: text}\n")
    await by.refresh(None)
    assert by.alarms == []


async def test_playbooks_that_fit_what_was_put_need_no_file_that_they_fit(house: House) -> None:
    await house.put("traits: {region: text}\n")
    by = house.begin("traits: {}\n")
    await by.begin(UOW)
    assert dict(by.rules().declared.traits) == {"region": "text"}


async def test_playbooks_that_fit_no_catalogue_are_refused_at_start(house: House) -> None:
    with pytest.raises(Refused, match="declares no trait `region`"):
        await house.begin("traits: {}\n").begin(UOW)
    (house.folder / "playbooks" / "north.yaml").write_text(PLAYBOOK.replace("usage.breadth", "usage.bread"))
    with pytest.raises(Refused, match=r"usage\.breadth"):
        house.begin("traits: {region: text}\n")
