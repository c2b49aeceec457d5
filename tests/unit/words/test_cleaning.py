"""F10: what customers, vendors and browsers send must not command a terminal, or rewrite what stands around it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.words import clean


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[31mred\x1b[0m alert", "red alert"),
        ("\x1b[2J\x1b[H", ""),
        ("\x9b31mC1 colours", "C1 colours"),
        ("\x1b]0;owned\x07Northwind", "Northwind"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9d52;c;cm0gLXJm\x9cNorthwind", "Northwind"),
        ("\x1bP1;2q#0\x1b\\sixel", "sixel"),
        ("an open \x1b]0;title", "an open ]0;title"),
        ("\x1b\x1b[0m[31mnested", "[31mnested"),
        ("two\r\nlines\u2028and\u2029more\x85still", "two lines and more still"),
        ("tab\tbell\x07 back\x08space nul\x00 del\x7f", "tab bell back space nul del"),
        ("invoice \u202egnp.exe", "invoice gnp.exe"),
        ("\u2066isolated\u2069 \u200fmark\u061c", "isolated mark"),
        ("pay\u200bpal pay\u200dpal pay\ufeffpal pay\u2060pal pay\u00adpal", "paypal paypal paypal paypal paypal"),
        ("hidden \U000e0074\U000e0061\U000e0067", "hidden"),
        ("half \ud83d a pair \udc80", "half \ufffd a pair \ufffd"),
        ("\u3164\u2800\u115f", ""),
        ("z" + "\u0351" * 40 + "algo", "z" + "\u0351" * 3 + "algo"),
        ("no\u00a0break  space", "no break space"),
    ],
)
def test_what_commands_hides_or_turns_round_goes(text: str, line: str) -> None:
    assert clean(text) == line


@pytest.mark.parametrize(
    "text",
    [
        "Müller & Søn — “quoted” [bold]not markup[/bold] <b>&amp;",
        "日本語のコメント",
        "می\u200cخواهم",  # Persian needs its joiner,
        "क\u094d\u200dष",  # and so does Hindi,
        "\U0001f469\u200d\U0001f4bb \u2764\ufe0f\u200d\U0001f525",  # and emoji are made with it.
        "שלום عليكم",
        "Tie\u0302\u0301ng Vie\u0323\u0302t",
    ],
)
def test_letters_of_every_script_stay(text: str) -> None:
    assert clean(text) == text


hostile = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Mn"]),
        st.sampled_from("\x1b[]\x9b\x9d\x07\\;m0\u200d\u200c é日\U0001f525"),
    ),
    max_size=200,
)


@given(hostile, st.one_of(st.none(), st.integers(2, 60)))
def test_no_text_gets_through_raw(text: str, limit: int | None) -> None:
    line = clean(text, limit)
    assert not {unicodedata.category(letter) for letter in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u200b\ufeff")
    assert line == " ".join(line.split())
    assert limit is None or len(line) <= limit
    assert clean(line, limit) == line
    line.encode()


def test_a_long_line_is_cut_at_a_word() -> None:
    assert clean("third time support lost our ticket", 20) == "third time support…"
    assert clean("x" * 30, 20) == "x" * 19 + "…"


def test_a_long_hostile_text_takes_no_time() -> None:
    for text in (
        "\x1b[" * 200_000,
        "\x1b]" * 200_000,
        "\x1b[" + "0;" * 200_000,
        "e" + "\u0301" * 400_000,
        "\u200d" * 400_000,
    ):
        clean(text, 100)
