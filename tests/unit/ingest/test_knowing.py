"""Where users are, by what was said of them and when."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.knowing import SAME, Known, Stated, alias_of, is_account, news_in
from tests.support.stream import NOON

USERS = ("ana", "ben", "visitor-1", "visitor-2")
MINUTES = st.integers(0, 200).map(lambda n: n * SAME)
STATED = st.builds(
    lambda user, after, target: Stated(user, NOON + after, *target),
    st.sampled_from(USERS),
    MINUTES,
    st.one_of(
        st.tuples(st.just(""), st.sampled_from(["acme", "globex", "initech"])),
        st.tuples(st.sampled_from(USERS), st.none()),
    ),
)


def said(user: str, minutes: int, account: str | None = None, other: str = "") -> Stated:
    return Stated(user, NOON + timedelta(minutes=minutes), other, account)


def learnt(*parts: Sequence[Stated]) -> list[Stated]:
    """What is kept when it comes part by part."""
    kept = list[Stated]()
    for part in parts:
        kept += news_in(part, kept)
    return kept


@given(st.lists(STATED, max_size=12), st.randoms(use_true_random=False), MINUTES, st.sampled_from(USERS))
def test_what_is_found_does_not_depend_on_the_order_in_which_it_was_said(
    stated: list[Stated], random: "object", after: timedelta, user: str
) -> None:
    shuffled = list(stated)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one_by_one = learnt(*[[one] for one in shuffled])
    at = NOON + after
    found = Known(stated).account_of(user, at)
    assert Known(one_by_one).account_of(user, at) == found
    assert Known(learnt(stated)).account_of(user, at) == found


@given(st.lists(STATED, max_size=12), st.sampled_from(USERS), MINUTES)
def test_somebody_is_where_they_were_last_said_to_be(stated: list[Stated], user: str, after: timedelta) -> None:
    direct = [one for one in stated if one.account]
    at = NOON + after
    mine = [one for one in direct if one.user == user]
    by_then = [one for one in mine if one.at <= at]
    expected = max(by_then, key=lambda one: (one.at, one.account)) if by_then else None
    if expected is None and mine:
        first = min(one.at for one in mine)
        expected = max((one for one in mine if one.at == first), key=lambda one: one.account or "")
    assert Known(direct).account_of(user, at) == (expected.account if expected else None)


def test_another_name_is_where_its_person_is() -> None:
    stated = [said("visitor", 0, "acme"), said("visitor", 10, other="ana"), said("ana", 20, "globex")]
    for order in permutations(stated):
        known = Known(order)
        assert known.account_of("visitor", NOON) == "acme"
        assert known.account_of("visitor", NOON + timedelta(minutes=15)) == "globex"
        assert known.account_of("ana", NOON) == "globex"
    assert Known([said("old", 0, "acme"), said("old", 5, other="new")]).account_of("new", NOON) == "acme"


def test_names_that_point_to_each_other_lead_nowhere() -> None:
    known = Known([said("a", 0, other="b"), said("b", 0, other="a")])
    assert known.account_of("a", NOON) is None
    assert known.relatives({"a"}) == {"b"}


def test_the_same_again_shortly_afterwards_is_no_news() -> None:
    first = said("ana", 0, "acme")
    assert news_in([first, said("ana", 9, "acme"), said("ana", 10, "acme")], []) == [first, said("ana", 10, "acme")]
    assert news_in([first], [first]) == []
    assert news_in([said("ana", 1, "globex")], [first]) == [said("ana", 1, "globex")]


def test_no_two_users_have_one_alias() -> None:
    pairs = [("web", "x/y"), ("web/x", "y"), ("web%2Fx", "y"), ("web", "x" * 200), ("web", "x" * 201), ("wéb", "é")]
    names = [alias_of(*pair) for pair in pairs]
    assert len(set(names)) == len(pairs)
    assert all(is_account(name) and name.startswith("user:") for name in names)
