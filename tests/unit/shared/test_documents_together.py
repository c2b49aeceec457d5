"""A plan and a change over documents that stand beside those of another service."""

from collections.abc import Mapping

import pytest

from shared.conditions import Problem, Refused
from shared.documents.changing import Changing, Put
from shared.documents.in_force import InForce
from shared.documents.others import WithOthers
from shared.documents.shelf import YAML, Key, Texts, Version
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase
from tests.support.stream import SetClock

UOW = NoDatabase()
WORDS = "catalogue", "main"


def read(texts: Texts) -> Mapping[Key, bytes]:
    """Every rule is a word that the catalogue has."""
    words = texts.get(WORDS, b"").split()
    wrong = [Problem("No such word.", file="/".join(key)) for key, text in texts.items() if text not in words]
    if wrong := [one for one in wrong if one.file != "catalogue/main"]:
        raise Refused(wrong)
    return dict(texts)


class House:
    """Rules, and the catalogue that another service keeps."""

    def __init__(self) -> None:
        self.own, self.other = FakeShelf(["rule"]), FakeShelf(["catalogue"])
        self.in_force = InForce(WithOthers(self.own, [self.other]), {("rule", "a"): b"one", WORDS: b"one two"}, read)
        self.changing = Changing(self.in_force, UOW, SetClock(NOW))

    async def other_puts(self, words: str) -> None:
        number = len(self.other.put) + 1
        await self.other.add(None, [Version(*WORDS, number, words.encode(), YAML, "ada", NOW, shipped=False)])


def anything(key: Key, held: Version | None) -> None:
    """Whatever is there."""


@pytest.fixture
async def house() -> House:
    made = House()
    await made.in_force.begin(UOW, NOW)
    return made


async def test_only_own_documents_are_shipped(house: House) -> None:
    assert [one.key for one in house.own.put] == [("rule", "a")]
    assert house.other.put == []


async def test_a_plan_goes_by_what_others_shall_have_by_then_and_changes_nothing(house: House) -> None:
    puts = [Put(("rule", "a"), b"three")]
    with pytest.raises(Refused):
        await house.changing.plan(puts, "ada", anything)
    changes, whole = await house.changing.plan(puts, "ada", anything, {WORDS: b"three"})
    assert ([one.kind for one in changes], whole["rule", "a"]) == (["update"], b"three")
    with pytest.raises(Refused):
        await house.changing.plan([], "ada", anything, {WORDS: b"two"})
    assert len(house.own.put) == 1
    assert house.in_force.now["rule", "a"] == b"one"


async def test_others_documents_are_followed_and_count_as_they_ship_until_they_are_put(house: House) -> None:
    await house.changing.apply([Put(("rule", "b"), b"two")], "ada", anything)
    await house.other_puts("one two three")
    assert (await house.in_force.refresh(None))[WORDS] == b"one two three"
    await house.other_puts("one")
    assert (await house.in_force.refresh(None))[WORDS] == b"one two three"
    assert "rule/b" in house.in_force.alarms[0]


async def test_a_plan_of_nothing_is_not_refused_for_what_is_in_force_already(house: House) -> None:
    await house.other_puts("two")
    await house.in_force.refresh(None)
    changes, _ = await house.changing.plan([Put(("rule", "a"), b"one")], "ada", anything, {WORDS: b"two"})
    assert [one.kind for one in changes] == ["none"]
