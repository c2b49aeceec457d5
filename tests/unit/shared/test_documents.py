"""What a release does to documents, and what is in force when it can't read one."""

from collections.abc import Mapping

import pytest

from shared.conditions import Problem, Refused
from shared.documents.in_force import InForce
from shared.documents.shelf import Key, Texts, Version, name_of
from tests.support.scoring import DAY, NOW
from tests.support.shelf import FakeShelf, NoDatabase

UOW = NoDatabase()


def read(texts: Texts) -> Mapping[Key, bytes]:
    """All texts, where none holds a word that this release doesn't know."""
    wrong = [Problem("What is that?", file=name_of(key)) for key, text in texts.items() if b"unheard" in text]
    if wrong:
        raise Refused(wrong)
    return dict(texts)


def shipping(**texts: str) -> dict[Key, bytes]:
    return {("card", id): text.encode() for id, text in texts.items()}


async def release(shelf: FakeShelf, **texts: str) -> InForce[Mapping[Key, bytes]]:
    """A process of a release that ships these begins."""
    begun = InForce(shelf, shipping(**texts), read)
    await begun.begin(UOW, NOW)
    return begun


async def edit(shelf: FakeShelf, id: str, text: str | None) -> None:
    number = max((one.version for one in shelf.put if one.id == id), default=0) + 1
    put = None if text is None else text.encode()
    await shelf.add(None, [Version("card", id, number, put, "application/yaml", "ada", NOW + DAY, shipped=False)])


@pytest.fixture
def shelf() -> FakeShelf:
    return FakeShelf(["card"])


async def test_what_ships_is_the_first_version_and_a_release_replaces_what_nobody_edited(shelf: FakeShelf) -> None:
    await release(shelf, a="1", b="1", gone="1")
    later = await release(shelf, a="2", b="1", new="1")
    assert later.now == shipping(a="2", b="1", new="1")
    assert [(one.id, one.version) for one in shelf.put] == [
        ("a", 1),
        ("b", 1),
        ("gone", 1),
        ("a", 2),
        ("gone", 2),
        ("new", 1),
    ]
    await release(shelf, a="2", b="1", new="1")
    assert len(shelf.put) == 6


async def test_what_was_edited_or_deleted_stays_through_releases(shelf: FakeShelf) -> None:
    await release(shelf, a="1", b="1")
    await edit(shelf, "a", "mine")
    await edit(shelf, "b", None)
    assert (await release(shelf, a="2", b="2")).now == shipping(a="mine")


async def test_a_release_that_does_not_fit_what_was_edited_leaves_all_as_it_was(shelf: FakeShelf) -> None:
    await release(shelf, a="1")
    later = InForce(
        shelf, shipping(a="2"), lambda texts: read(texts) if len(texts) < 2 else read({("card", "a"): b"unheard"})
    )
    await edit(shelf, "mine", "1")
    async with UOW.begin() as c:
        await later.ship(c, NOW)
    assert (await shelf.current(None))["card", "a"].text == b"1"
    assert "does not fit what was edited" in later.alarms[0]


async def test_a_text_that_a_release_can_not_read_leaves_the_last_that_it_can_with_an_alarm(shelf: FakeShelf) -> None:
    await release(shelf, a="1", b="1")
    await edit(shelf, "a", "older")
    await edit(shelf, "a", "unheard of")
    await edit(shelf, "b", "mine")
    begun = await release(shelf, a="1", b="1")
    assert begun.now == shipping(a="older", b="mine")
    assert "card/a" in begun.alarms[0]
    await edit(shelf, "a", "mended")
    assert await begun.refresh(None) == shipping(a="mended", b="mine")
    assert begun.alarms == []


async def test_what_ships_is_in_force_again_once_it_is_put_back_in_place_of_what_could_not_be_read(
    shelf: FakeShelf,
) -> None:
    await release(shelf, a="1")
    await edit(shelf, "a", "older")
    await edit(shelf, "a", "unheard of")
    begun = await release(shelf, a="1")
    assert begun.now == shipping(a="older")
    await edit(shelf, "a", "1")
    assert await begun.refresh(None) == shipping(a="1")
    assert begun.alarms == []


async def test_a_text_that_comes_while_it_runs_and_can_not_be_read_stops_nothing(shelf: FakeShelf) -> None:
    running = await release(shelf, a="1")
    await edit(shelf, "a", "unheard of")
    assert await running.refresh(None) == shipping(a="1")
    assert running.alarms
    assert await running.refresh(None) == shipping(a="1")
