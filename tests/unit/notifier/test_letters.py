"""What stands in letters alone: links that act, their place in a thread, and how they read in the dark."""

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from services.notifier.channels import rendering
from services.notifier.channels.email import write
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.amending import Amends
from services.notifier.core.composing import compose
from services.notifier.core.together import compose_group
from shared.links import LASTING, Act, Links
from shared.messages.actions import ActionRequested, Colleague
from shared.messages.moves import OFFERED
from tests.support.notifier import NOW, a_flag, an_account, an_action, an_alert

LINKS = Links(["k" * 32], "https://keepwell.example.com")
SAM = Colleague(id="csm-4", name="Sam")
TEMPLATES = Path(rendering.__file__).parent.parent / "templates"


def a_task(**changes: Any) -> ActionRequested:
    return an_action(**({"item_id": "tsk-41", "matter": "voice", "colleagues": [SAM]} | changes))


def a_letter(*actions: ActionRequested, links: Links | None = LINKS, **how: Any) -> EmailMessage:
    dispatch: dict[str, Any] = {"delivery_id": "dlv_1", "target": "dana@example.com", "at": NOW} | how
    message = compose_group(actions, NOW) if len(actions) > 1 else compose(actions[0], NOW)
    return write(Dispatch(message=message, **dispatch), "keepwell@example.com", Renderer(), links)


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html_of(letter: EmailMessage) -> str:
    body = letter.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def acts(said: str) -> list[Act]:
    return [LINKS.read_act(token) for token in re.findall(r"https://keepwell\.example\.com/a/([\w.-]+)", said)]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (a_task(), "task"),
        (an_alert(item_id="alr-1", colleagues=[SAM]), "alert"),
        (a_flag(item_id="flg-1"), "flag"),
    ],
    ids=["task", "alert", "flag"],
)
def test_each_move_is_a_link_for_whom_the_letter_goes_to(action: ActionRequested, kind: Any) -> None:
    letter = a_letter(action)
    in_text = acts(text_of(letter))
    assert tuple(act.move for act in in_text) == OFFERED[kind, "open"]
    assert acts(html_of(letter)) == in_text
    for act in in_text:
        assert (act.letter, act.item_id, act.account_id) == ("dlv_1", action.item_id, "northwind")
        assert (act.who, act.kind, act.time_zone) == ("dana@example.com", kind, "Europe/Berlin")
        assert act.expires_at == NOW + LASTING
        assert act.to == ([SAM] if act.move == "reassign" else [])
        assert act.subject.startswith("Northwind: ")


def test_links_stand_one_a_line_under_what_they_do() -> None:
    lines = [line.partition(": https://")[0] for line in text_of(a_letter(a_task())).splitlines() if "https://" in line]
    assert lines == ["Take it", "Done", "Snooze", "Give to", "False alarm"]


def test_nobody_is_offered_where_nobody_is_there() -> None:
    assert "reassign" not in {act.move for act in acts(text_of(a_letter(a_task(colleagues=[]))))}


def test_in_a_letter_about_many_each_has_its_own() -> None:
    alerts = [an_alert(f"a{n}", item_id=f"alr-{n}", account=an_account(f"customer-{n}")) for n in range(3)]
    letter = a_letter(*alerts)
    assert {act.item_id for act in acts(text_of(letter))} == {"alr-0", "alr-1", "alr-2"}
    assert acts(html_of(letter)) == acts(text_of(letter))
    spoken = re.findall(r'aria-label="([^"]+)"', html_of(letter))
    assert len(spoken) == len(set(spoken)), "who hears the links alone can tell them apart"


def test_a_link_is_spoken_as_it_is_written_and_about_what() -> None:
    html = html_of(a_letter(a_task(account=an_account(name='North"><b>wind'))))
    for label, spoken, written in re.findall(r'<a href="[^"]+" (aria-label="([^"]+)")[^>]*>([^<]+)</a>', html):
        assert spoken.startswith(written), label
        assert "<b>" not in spoken
    assert len(re.findall("<a href", html)) == 5


def test_it_is_said_that_links_act_in_ones_name_and_the_command_is_left_out() -> None:
    for said in (text_of(a_letter(a_task())), html_of(a_letter(a_task()))):
        assert "in your name, for 14 days" in said
        assert "keepwell tasks" not in said


def test_without_a_public_address_there_is_no_link_and_the_command_is_said() -> None:
    letter = a_letter(a_task(), links=None)
    for said in (text_of(letter), html_of(letter)):
        assert "https://" not in said
        assert "keepwell tasks take tsk-41" in said


def test_what_nothing_can_be_done_about_has_no_link() -> None:
    letter = a_letter(a_task(item_id=""))
    assert acts(text_of(letter)) == acts(html_of(letter)) == []
    assert "in your name" not in text_of(letter)


# --- threads ----------------------------------------------------------------------------------------------------------


def test_letters_about_one_matter_of_one_account_answer_the_same() -> None:
    first, second = a_letter(a_task()), a_letter(an_alert(item_id="alr-1", matter="voice"), delivery_id="dlv_2")
    assert first["References"] == second["References"] == first["In-Reply-To"] == second["In-Reply-To"]
    assert first["Message-ID"] != second["Message-ID"]
    others = [
        a_letter(a_task(matter="money")),
        a_letter(a_task(account=an_account("southwind"))),
    ]
    assert len({letter["References"] for letter in (first, *others)}) == 3


def test_a_letter_about_no_matter_or_about_many_accounts_answers_nothing() -> None:
    many = [an_alert(f"a{n}", matter="voice", account=an_account(f"customer-{n}")) for n in range(2)]
    for letter in (a_letter(a_task(matter="")), a_letter(*many)):
        assert letter["References"] is letter["In-Reply-To"] is None


def test_what_is_over_answers_the_letter_that_told_of_it_in_the_same_thread() -> None:
    letter = a_letter(a_task(), amends=Amends("dlv_0", "receipt"), delivery_id="dlv_2")
    thread = a_letter(a_task())["References"]
    assert letter["In-Reply-To"] == "<dlv_0@example.com>"
    assert letter["References"] == f"{thread} <dlv_0@example.com>"


# --- the dark ---------------------------------------------------------------------------------------------------------


def test_every_colour_of_a_letter_has_one_for_the_dark() -> None:
    template = (TEMPLATES / "message.html.j2").read_text()
    dark = (TEMPLATES / "dark.css").read_text()
    inline = set(re.findall(r"(background-color:#[0-9a-f]{6}|;color:#[0-9a-f]{6})", template))
    palette = re.search(r"{% set colours = {(.*?)} %}", template, re.DOTALL)
    assert palette is not None
    for ink, paper in re.findall(r'\("(#\w{6})", "(#\w{6})"\)', palette.group(1)):
        inline |= {f";color:{ink}", f"background-color:{paper}"}
    assert len(inline) > 10
    assert {one for one in inline if f'[style*="{one}"]' not in dark} == set()


def test_a_letter_says_its_language_and_that_it_can_be_dark_and_hides_its_tables() -> None:
    html = html_of(a_letter(a_task()))
    assert '<html lang="en">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    tables = re.findall(r"<table[^>]*>\s*(<caption)?", html)
    layout = re.findall(r'<table role="presentation"', html)
    assert len(tables) == len(layout) + sum(bool(caption) for caption in tables)
