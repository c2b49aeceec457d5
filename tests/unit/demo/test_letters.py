"""Who is written to in the demo agreed to it, and reads a language of the letter."""

from datetime import UTC, datetime

import msgspec
import pytest

from deploy.cli.demo.writing import live
from deploy.demo import sample
from deploy.demo.stories import LIVE, Story
from services.notifier.core.audience import why_not
from services.notifier.core.contacts import Book, Cells, Key, text_of
from services.notifier.files.rules import read_texts, shipped
from services.playbooks.files import SHIPPED, load_playbook
from shared.messages.envelope import Event
from shared.messages.registry import data_of

NOW = datetime(2026, 5, 13, 14, 30, tzinfo=UTC)
WRITTEN = [story for story in LIVE if story.letter]
with_a_letter = pytest.mark.parametrize("story", WRITTEN, ids=lambda story: story.name)


def known_of(account: str, contact: str) -> Cells:
    """What the notifier's address book has of somebody when the past ends."""
    book = Book()
    for sent in sample.load(NOW, "past"):
        if sent["account"] == account and sent["type"] in {"contact.updated", "contact.consented"}:
            at, data = datetime.fromisoformat(sent["time"]), msgspec.Raw(msgspec.json.encode(sent["data"]))
            given = {"id": sent["id"], "source": sent["source"], "type": sent["type"], "subject": account}
            event = Event(**given, time=at, accepted=at, data=data)
            book.fold(event, data_of(event))
    return book.contacts[Key(account, contact)]


def test_somebody_is_written_to() -> None:
    assert [story.account for story in WRITTEN] == ["northwind"]


@with_a_letter
def test_its_playbook_is_off_until_the_demo_puts_it(story: Story) -> None:
    text = (SHIPPED / f"{story.letter}.yaml").read_text(encoding="utf-8")
    assert load_playbook(text, "shipped").playbook.off
    put = load_playbook(live(text), "put").playbook
    assert not put.off
    assert [step.kind for step in put.steps] == ["message"]


@with_a_letter
def test_who_answers_agreed_to_it_and_reads_one_of_its_languages(story: Story) -> None:
    answer = story.beats[-1]["data"]
    assert answer["score"] <= 6
    cells = known_of(story.account, answer["contact_id"])
    assert why_not(cells, "service") is None
    letter = read_texts(shipped())["call-promised"]
    language = text_of(cells, "language")
    assert language in letter.languages
    assert language != letter.default, "it is a letter in their language, and not in ours"
