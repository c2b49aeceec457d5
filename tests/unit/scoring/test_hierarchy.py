"""A group of accounts does as its parts do, and a circle is no group."""

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.hierarchy import Member, line_of, now_above, roll_up
from shared.messages.assessments import Band


def a_member(id: str, score: int | None, band: Band, mrr: int | None = 100, currency: str | None = "EUR") -> Member:
    return Member(id, id.title(), None, score, band, mrr, currency)


def test_the_line_above_is_told_from_the_nearest_on() -> None:
    assert line_of("site", {"site": "country", "country": "group", "group": None}) == (["country", "group"], False)
    assert line_of("group", {"group": None}) == ([], False)
    assert line_of("site", {"site": "nobody knows"}) == (["nobody knows"], False)


def test_a_circle_is_seen_wherever_one_stands_in_it() -> None:
    parents: dict[str, str | None] = {"a": "b", "b": "c", "c": "a", "below": "a", "own": "own"}
    assert line_of("a", parents) == (["b", "c"], True)
    assert line_of("below", parents) == (["a", "b", "c"], True)
    assert line_of("own", parents) == ([], True)


def test_what_belonged_to_an_account_that_was_merged_belongs_to_the_one_that_it_goes_on_as() -> None:
    parents: dict[str, str | None] = {"site": "old", "old": "new", "older": "old", "new": "group", "group": None}
    goes_on = {"older": "old", "old": "new"}
    above = now_above({**parents, "plant": "older"}, goes_on)
    assert line_of("site", above) == line_of("plant", above) == (["new", "group"], False)
    assert line_of("part", now_above({"part": "whole", "whole": "part"}, {"whole": "part"})) == ([], False)
    assert line_of("own", now_above({"own": "own"}, {"a": "b"})) == ([], True)


def test_a_group_is_rolled_up_by_mean_worst_and_value() -> None:
    rolled = roll_up(
        [
            a_member("a", 9000, "green", 600),
            a_member("b", 4900, "red", 200),
            a_member("c", None, "unknown", 200),
            a_member("d", 8000, "green", 50, "USD"),
            a_member("e", 8000, "green", None, None),
        ]
    )
    assert (rolled.mean, rolled.worst and rolled.worst.id) == (7475, "b")
    assert [(one.currency, one.band, one.accounts, one.share) for one in rolled.value] == [
        ("EUR", "green", 1, 60.0),
        ("EUR", "red", 1, 20.0),
        ("EUR", "unknown", 1, 20.0),
        ("USD", "green", 1, 100.0),
    ]


def test_of_nobody_nothing_is_known() -> None:
    rolled = roll_up([])
    assert (rolled.mean, rolled.worst, rolled.value) == (None, None, [])


@given(st.lists(st.tuples(st.sampled_from(["green", "amber", "red"]), st.integers(1, 10**9)), min_size=1))
def test_shares_of_value_sum_to_the_whole(paid: list[tuple[Band, int]]) -> None:
    rolled = roll_up([a_member(f"a{n}", 5000, band, mrr) for n, (band, mrr) in enumerate(paid)])
    assert abs(sum(one.share for one in rolled.value) - 100) < 1e-6
    assert sum(one.mrr_minor for one in rolled.value) == sum(mrr for _, mrr in paid)
