"""The letters that ship: every language of each reads as it should, whatever is known and whatever is not."""

import re
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.footers import FOOTERS
from services.notifier.core.message import Letter, Message
from services.notifier.files import Written, read_texts, shipped
from services.notifier.writing import trying
from shared.files.sandbox import Unwritable
from shared.files.tongues import Tongue

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEMPLATES = read_texts(shipped())
LANGUAGES = ("en", "de", "es", "pl", "ru", "sv", "zh")
EACH = pytest.mark.parametrize(("template", "language"), list(product(TEMPLATES, LANGUAGES)))
NEEDED = {"account.name", "event.amount_minor", "event.currency"}
"""What each account has, and each event of a payment; all else may not be known."""
HOLES = re.compile(r"unknown|None|undefined|\{|\}|\[\]|  |\( *\)| [,.;:!?]|,,|\.\.|^,", re.MULTILINE)
"""What is left where nothing was filled in."""


def said(template: str, language: str, *without: str, **more: Any) -> Written:
    one = TEMPLATES[template]
    facts = {name: value for name, value in one.sample_facts().items() if name not in without}
    return one.written(language, facts | more, NOW)


def a_message(written: Written, **changes: Any) -> Message:
    letter = Letter(
        template="t",
        language=written.language,
        paragraphs=written.paragraphs,
        account_id="northwind",
        contact_id="kim",
        kind="service",
    )
    fields: dict[str, Any] = {"kind": "message", "label": "Letter", "severity": "medium", "band": "unknown"}
    return Message(**fields, subject=written.subject, title=written.subject, letter=letter, **changes)


def test_each_ships_in_seven_languages_and_english_is_for_all_others() -> None:
    assert sorted(TEMPLATES) == ["adoption-tips", "call-promised", "payment-failed"]
    for one in TEMPLATES.values():
        assert (tuple(one.languages), one.default) == (LANGUAGES, "en")
    assert tuple(sorted(FOOTERS)) == tuple(sorted(LANGUAGES))


@EACH
def test_a_letter_reads_as_it_should_with_all_that_is_known(template: str, language: str) -> None:
    found = said(template, language)
    text = f"{found.subject}\n{found.body}"
    assert HOLES.search(text) is None, text
    assert "Ana Lima" in found.body
    assert 3 <= len(found.paragraphs) <= 7


@EACH
def test_a_letter_has_no_hole_whatever_is_not_known(template: str, language: str) -> None:
    optional = sorted(TEMPLATES[template].sample_facts().keys() - NEEDED)
    for name in optional:
        text = said(template, language, name).body
        assert HOLES.search(text) is None, (name, text)
    found = said(template, language, *optional)
    assert HOLES.search(f"{found.subject}\n{found.body}") is None, found.body


def test_no_letter_names_health() -> None:
    words = re.compile(r"\b(score|health|risk|churn|band|NPS)\b", re.IGNORECASE)
    for one in TEMPLATES.values():
        for text in (f"{words_of.subject}\n{words_of.body}" for words_of in one.languages.values()):
            assert words.search(text) is None


@pytest.mark.parametrize(
    ("language", "amount", "date"),
    [
        ("en", "€1,234.50", "April 1, 2026"),
        ("de", "1.234,50 €", "1. April 2026"),
        ("es", "1.234,50 €", "1 de abril de 2026"),
        ("pl", "1 234,50 €", "1 kwietnia 2026"),
        ("ru", "1 234,50 €", "1 апреля 2026 г."),
        ("sv", "1 234,50 €", "1 april 2026"),
        ("zh", "€1,234.50", "2026年4月1日"),
    ],
)
def test_money_and_dates_are_as_their_reader_writes_them(language: str, amount: str, date: str) -> None:
    found = said("payment-failed", language, **{"event.amount_minor": 123_450})
    body = " ".join(found.body.split())
    assert (amount in found.subject, amount in body, date in body) == (True, True, True)
    assert "\u00a0€" in found.body or "€1" in found.body, "an amount is not torn from its currency"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(4200, "JPY", "¥4,200"), (4200, "BHD", "BHD4.200"), (4200, "ISK", "ISK4,200"), (-5, "USD", "-$0.05")],
)
def test_money_has_the_decimals_of_its_minor_units(minor: int, currency: str, shown: str) -> None:
    assert Tongue("en").money(minor, currency).replace("\u00a0", "") == shown


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("event.amount_minor", None, "is not known"),
        ("event.currency", None, "is not known"),
        ("event.currency", "euro", "Money is minor units and a currency"),
        # Nothing else of it is named, so there is no `account` at all.
        ("account.name", None, "of account.name is not known"),
    ],
)
def test_what_is_needed_and_not_known_is_said_and_nothing_is_written(name: str, value: Any, why: str) -> None:
    with pytest.raises(Unwritable, match=why):
        said("payment-failed", "en", name, **({} if value is None else {name: value}))


@EACH
def test_the_html_says_the_same_and_takes_nothing_from_elsewhere(template: str, language: str) -> None:
    message = a_message(said(template, language))
    html = LetterRenderer().html(message, "https://keepwell.example.com/u/x")
    text = LetterRenderer().text(message, "https://keepwell.example.com/u/x")
    assert f'<html lang="{language}">' in html
    for footer in (FOOTERS[language].why, FOOTERS[language].leave):
        assert footer in html
        assert footer in text
    assert not re.search(r"<img|<script|<link|src=|url\(|@import|http://", html)
    allowed = {"https://keepwell.example.com/u/x", "https://pay.example.com/invoices/2026-0042"}
    assert set(re.findall(r'href="([^"]*)"', html)) <= allowed
    assert text.endswith(f"{FOOTERS[language].leave}: https://keepwell.example.com/u/x\n")


def test_nothing_from_outside_is_markup_and_only_https_is_a_link() -> None:
    hostile = "<b>x</b> & javascript:alert(1) http://evil.example https://ok.example/a?b=1&c=2. \"'"
    message = a_message(Written("en", "<s>", [hostile, "line one\nline two"]))
    html = LetterRenderer().html(message, "")
    assert "&lt;b&gt;x&lt;/b&gt; &amp; javascript:alert(1) http://evil.example" in html
    assert re.findall(r'href="([^"]*)"', html) == ["https://ok.example/a?b=1&amp;c=2"]
    assert "line one<br>line two" in html
    assert "<title>&lt;s&gt;</title>" in html


def test_a_preview_is_what_a_sample_says() -> None:
    for template in TEMPLATES.values():
        found = trying.previews(template, trying.Reader(), NOW, None)
        assert list(found) == list(LANGUAGES)
        assert all(isinstance(one, Message) for one in found.values())
