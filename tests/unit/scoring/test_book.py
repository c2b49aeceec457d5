"""Why the mean of a book moved: by account and by measure, each of them summing to the change."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.book import Books, Ends, Told, paragraph
from services.scoring.core.score import rounded

_scores = st.none() | st.integers(0, 10_000)
_groups = st.sampled_from(["ada", "ben", ""])


@st.composite
def _ends(draw: st.DrawFn) -> list[Ends]:
    some = draw(st.lists(st.tuples(_scores, st.none() | _groups, _scores, _groups, st.booleans()), max_size=12))
    return [
        Ends(f"a{place}", None, before if was is not None else None, was, after, now, left)
        for place, (before, was, after, now, left) in enumerate(some)
    ]


def told(ends: Sequence[Ends], most: int = 20) -> dict[str, Told]:
    books = Books()
    for one in ends:
        books.add(one)
    return {group: book.told("owner", {}, most) for group, book in books.of.items()}


def an_end(id: str, before: int | None, after: int | None, was: str | None = "ada", now: str = "ada") -> Ends:
    return Ends(id, id.title(), before, was, after, now, has_left=after is None)


@given(_ends(), st.integers(0, 12))
def test_accounts_and_parts_sum_to_the_change_of_the_mean(ends: list[Ends], most: int) -> None:
    found = told(ends, most)
    for group in ("ada", "ben", ""):
        then = [one.before for one in ends if one.was_in == group and one.before is not None]
        now = [one.after for one in ends if one.is_in == group and one.after is not None]
        if not then or not now:
            assert group not in found or found[group].change is None
            continue
        change = rounded(sum(now), len(now)) - rounded(sum(then), len(then))
        assert found[group].change == change
        assert len(found[group].entries) <= most
        assert sum(entry.points for entry in found[group].entries) + found[group].others == change
        assert sum(part.points for part in found[group].parts) == change


def test_who_came_and_who_went_count_for_how_they_differ_from_the_rest() -> None:
    ends = [an_end("one", 8000, 8000), an_end("two", 8000, 6000), an_end("gone", 2000, None)]
    found = told([*ends, an_end("new", None, 1000, was=None)])["ada"]
    # 60 before, of which the two that stay have 80: 20 more. They fall by 10, to 70, and with the new one to 50.
    assert (found.before, found.after) == (6000, 5000)
    assert {entry.id: (entry.turn, entry.points) for entry in found.entries} == {
        "gone": ("left", 2000),
        "two": ("moved", -1000),
        "new": ("came", -2000),
    }


def test_an_account_that_changed_its_owner_is_a_line_in_both_books() -> None:
    ends = [
        an_end("stays", 8000, 8000),
        an_end("moves", 4000, 4000, now="ben"),
        an_end("bens", 9000, 9000, "ben", "ben"),
    ]
    found = told(ends)
    assert [(part.name, part.points, part.reason) for part in found["ada"].parts] == [
        ("moved_out", 2000, "1 account now of another owner")
    ]
    assert [(part.name, part.points, part.reason) for part in found["ben"].parts] == [
        ("moved_in", -2500, "1 account from another owner")
    ]


def test_what_its_drivers_do_not_tell_was_a_time_without_a_score() -> None:
    books = Books()
    assert books.add(an_end("one", 8000, 6000))
    assert not books.add(an_end("two", 8000, 8000))
    assert books.moved == [("one", "ada")]
    books.add_drivers("ada", "measure", "usage.trend", -1500, 1)
    book = books.of["ada"].told("owner", {}, 3)
    assert [(part.kind, part.points, part.reason) for part in book.parts] == [
        ("measure", -750, "change of usage at 1 account"),
        ("unknown", -250, "times without a score, and what was forgotten"),
    ]
    assert paragraph(book, "Since Monday") == (
        "Since Monday −10, from 80 to 70 on average (2 accounts known then, 2 now): −7.5 change of usage at 1 account; "
        "−2.5 times without a score, and what was forgotten; mostly by One (−10)."
    )


def test_a_book_that_nobody_stayed_in_is_told_by_who_went_and_came() -> None:
    found = told([an_end("old", 8000, None), an_end("new", None, 6000, was=None)])["ada"]
    assert {entry.id: entry.points for entry in found.entries} == {"old": -8000, "new": 6000}


def test_a_book_that_was_not_known_has_no_change() -> None:
    found = told([an_end("new", None, 6000, was=None)])["ada"]
    assert (found.change, found.parts, found.entries) == (None, [], [])
    assert paragraph(found, "Since Monday") == "Since Monday: 0 accounts known then, 1 now, 60 on average."
