"""`If-Match` as RFC 9110 reads it."""

import pytest

from shared.web.etags import matches


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (['"7"'], True),
        ([' "7" '], True),
        (["*"], True),
        (['"6", "7"'], True),
        (['"6","7"'], True),
        (['"6",, "7",'], True),
        (['"6"', '"7"'], True),
        (['"a,b", "7"'], True),
        (['W/"6", "7"'], True),
        (['W/"7"'], False),
        (['w/"7"'], False),
        (['"6"'], False),
        (['"6, 7"'], False),
        (["7"], False),
        (['"7'], False),
        (['"7" "6"'], False),
        (['*, "6"'], False),
        ([""], False),
        ([], False),
    ],
)
def test_what_was_read_still_stands_only_where_one_strong_tag_is_the_same(given: list[str], allowed: bool) -> None:
    assert matches(given, '"7"') is allowed
