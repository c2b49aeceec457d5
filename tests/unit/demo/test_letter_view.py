from deploy.demo import letter_view
from services.notifier.channels.email import write
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from shared.links import Links
from tests.support.notifier import NOW, an_action

LINKS = Links(["k" * 32], "http://127.0.0.1:8001")


def a_letter(links: Links | None = LINKS) -> str:
    """As the demo's mail server keeps it."""
    action = an_action(item_id="tsk-41")
    dispatch = Dispatch(message=compose(action, NOW), delivery_id="dlv_1", target="dana@example.com", at=NOW)
    sent = write(dispatch, "keepwell@example.com", Renderer(), links).as_bytes()
    return sent.decode("ascii", "surrogateescape")


def test_a_letter_is_told_from_what_was_sent_with_its_links_as_words() -> None:
    letter = letter_view.read(a_letter())
    shown = [line.plain for line in letter_view.lines(letter)]
    assert shown[0] == f"Subject: {letter['Subject']}"
    assert "Take it  Done  Snooze  False alarm" in shown
    assert any("€4,200/month" in line for line in shown)
    assert "" not in shown
    assert not any("/a/" in line for line in shown)


def test_links_are_found_by_what_they_say() -> None:
    links = letter_view.links(letter_view.read(a_letter()))
    assert list(links) == ["Take it", "Done", "Snooze", "False alarm"]
    act = LINKS.read_act(links["Done"].rpartition("/")[2])
    assert (act.move, act.item_id, act.who) == ("done", "tsk-41", "dana@example.com")


def test_a_letter_without_links_has_its_words_alone() -> None:
    letter = letter_view.read(a_letter(links=None))
    assert not letter_view.links(letter)
    assert any("keepwell tasks take" in line.plain for line in letter_view.lines(letter))
