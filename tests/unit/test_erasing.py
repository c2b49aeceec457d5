"""Forgetting: what names somebody goes as a whole, however it is written, and nothing else does."""

import msgspec
import pytest

from shared.messages.actions import ContactCard
from shared.messages.assessments import FactValue
from shared.messages.erasing import ERASED, Forgetting, digest_of, said
from tests.support.notifier import an_account, an_action, an_alert

KIM = Forgetting("northwind", "kim", ["Kim Miller", said("third time support lost our ticket")])


@pytest.mark.parametrize(
    ("text", "goes"),
    [
        ("Kim Miller is unhappy", True),
        ("spoke with KIM  MILLER.", True),
        ("kim\u200b miller", True),
        ("Kim Millerton called", False),
        ("Kim called", False),
        ('scored us 2: "third time support lost our ticket, and …"', True),
        ("the third time", False),
        ("", False),
    ],
)
def test_a_text_that_names_them_goes(text: str, goes: bool) -> None:
    assert KIM.clean(text) == (ERASED if goes else text)


def test_a_short_comment_is_found_only_where_it_is_quoted() -> None:
    forgetting = Forgetting("northwind", "kim", [said("too slow")])
    assert forgetting.names('their admin scored us 2: "too slow"')
    assert not forgetting.names("the export is too slow")


def test_an_id_that_tells_is_found_in_texts_and_one_that_may_be_anything_is_not() -> None:
    assert Forgetting("northwind", "kim@northwind.example").names("wrote to kim@northwind.example")
    assert not Forgetting("northwind", "7").names("7 seats")


def test_a_single_word_is_looked_for_as_it_is_written() -> None:
    team = Forgetting("northwind", "c-1", ["Support", "A", "Will"])
    assert team.names("Support never answers")
    assert not team.names("a ticket will wait for support")


def test_nothing_is_found_by_nothing() -> None:
    assert not Forgetting("northwind", "kim").names("anything")
    assert Forgetting("northwind").names("anything")


def test_what_was_asked_about_them_says_only_that_it_was_asked() -> None:
    left = KIM.action(
        an_action(title="Call Kim (admin)", contact_id="kim", contact="Kim (admin)", trouble=["a ticket"])
    )
    assert left.task is not None
    assert (left.title, left.task.title, left.why, left.do, left.drivers) == (ERASED, ERASED, [], None, [])
    assert (left.contact_id, left.contact) == (None, None)
    assert left.account.name == "Northwind"


def test_what_was_asked_about_others_loses_the_texts_that_name_them() -> None:
    left = KIM.action(an_alert(why=["Kim Miller left", "usage fell"], trouble=["nobody answers"]))
    assert left.why == [ERASED, "usage fell"]
    assert left.trouble == ["nobody answers"]
    assert left.title == "Usage fell by half in two weeks"
    assert [one.reason for one in left.drivers][1] == ERASED


def test_nobody_is_to_be_called_who_was_erased() -> None:
    card = an_account(contact_id="kim", contact="Kim Miller (admin)")
    assert KIM.action(an_alert(account=card)).to_call == (None, None)
    assert Forgetting("northwind", "lee").action(an_alert(account=card)).to_call == ("kim", "Kim Miller (admin)")


def test_of_an_account_no_word_stays() -> None:
    left = Forgetting("northwind").action(an_action())
    assert (left.title, left.account) == (ERASED, type(left.account)(id="northwind", name="northwind"))


def test_a_list_loses_the_lines_of_an_account_and_keeps_those_of_others() -> None:
    found = [
        {"account_id": id, "account_name": id.title(), "why": ["Kim Miller left"]} for id in ("northwind", "other")
    ]
    action = an_action(kind="digest", task=None, found=found, account=an_account("other"))
    assert [one["why"] for one in KIM.action(action).found] == [[ERASED], ["Kim Miller left"]]
    assert [one["account_id"] for one in Forgetting("northwind").action(action).found] == ["other"]


def test_an_id_is_known_again_by_its_digest() -> None:
    assert KIM.id("kim") == digest_of("kim") != "kim"
    assert KIM.id("T-1") == "T-1"


def test_of_a_letter_to_them_its_template_is_left_and_of_one_to_others_what_does_not_name_them() -> None:
    facts: dict[str, FactValue] = {"account.plan": "pro", "event.comment": "Kim Miller left", "event.contact_id": "kim"}
    letter = ContactCard(template="thanks", roles=[], consent="service", contact_id="kim", facts=facts)
    theirs = KIM.action(an_action(kind="message", contact_id="kim", message=letter)).message
    assert theirs == ContactCard(template="thanks", roles=[], consent="service")
    others = KIM.action(an_action(kind="message", message=msgspec.structs.replace(letter, contact_id="lee"))).message
    assert others is not None
    assert others.contact_id == "lee"
    # What somebody else reads has no word in place of theirs.
    assert others.facts == {"account.plan": "pro"}
