from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from deploy.cli import show

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (420_000, "EUR", "€4,200"),
        (1_250, "USD", "$12.50"),
        (9_000, "CHF", "CHF 90"),
        (1_250, "JPY", "¥1,250"),
        (-420_005, "GBP", "−£4,200.05"),
        (None, "EUR", "–"),
        (100, None, "–"),
    ],
)
def test_money_is_written_as_people_write_it(minor: int | None, currency: str | None, words: str) -> None:
    assert show.money(minor, currency) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("2026-06-27T00:00:00Z", "renews in 41 days"),
        ("2026-05-18T00:00:00Z", "renews tomorrow"),
        ("2026-05-17T00:00:00Z", "renews today"),
        ("2026-05-14T09:00:00Z", "was to renew 3 days ago"),
        (None, "–"),
    ],
)
def test_a_renewal_is_seen_from_today(when: str | None, words: str) -> None:
    assert show.renewal(when, NOON) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("2026-05-17T11:55:59Z", "4 minutes ago"),
        ("2026-05-17T11:59:59.900000Z", "just now"),
        ("2026-05-18T15:00:00Z", "in 1 day"),
    ],
)
def test_a_moment_is_told_in_its_largest_unit(when: str, words: str) -> None:
    assert show.ago(when, NOON) == words


@pytest.mark.parametrize(
    ("points", "before", "after", "shown"),
    [
        ([-13.0, -10.5], 75.8, 52.3, [-13, -11]),
        ([-10.4, -9.4, 3.3], 60.0, 43.5, [-10, -9, 3]),
        ([4.6], 50.2, 54.8, [5]),
        ([], 50.0, 50.0, []),
    ],
)
def test_drivers_sum_to_the_change_that_is_shown(
    points: list[float], before: float, after: float, shown: list[int]
) -> None:
    assert show.drivers(points, before, after) == shown


@pytest.mark.parametrize(("number", "words"), [(12, "12 B"), (2_300, "2.3 kB"), (48_000_000, "48 MB")])
def test_sizes_are_short(number: int, words: str) -> None:
    assert show.size(number) == words


ROWS = [
    ("Northwind", "€4,200", "red", 'their admin scored us 2: "third time support lost our ticket"'),
    ("Summerfield Supermarkets", "€12,411", "green", "usage fell by 7 %, from 162 to 150 in two weeks"),
]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_table_shows_every_cell_in_any_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show.table(ROWS, "Account", "Monthly", "Band", "Why", right=("Monthly",), empty="")
    shown = capsys.readouterr().out
    assert max(cell_len(line) for line in shown.splitlines()) <= width
    words = " ".join(shown.split())
    for cell in ("Northwind", "€12,411", "green"):
        assert cell in words
    if width != 120:
        # Where it isn't wrapped within its column, the reason can be read at once.
        assert "third time support lost our ticket" in words


def test_a_narrow_table_says_why_beneath_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show.table(ROWS, "Account", "Monthly", "Band", "Why", right=("Monthly",), empty="")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == [
        "Northwind                  €4,200  red",
        '    their admin scored us 2: "third time support lost our',
    ]
