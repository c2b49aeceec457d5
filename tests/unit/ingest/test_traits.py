"""Traits are kept as they were sent, or the event is refused in words: nothing is changed in silence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.fold.cells import plain
from shared.messages.traits import LARGEST, LONGEST_NAME, MOST, MOST_OF_CONTACT, why_not_kept
from tests.support.ingest import an_event, judged, refusal_of
from tests.support.scoring import after
from tests.support.scoring import an_event as a_message

KEPT: list[Any] = [
    *(1, 2**53, -(2**53), 7.0, 1e300, True, "x", "", {"a": True}, {"deep": [{"er": 1}]}, [1, "a", None], []),
    *("x" * (LARGEST - 2), list(range(200)), "2026-05-20T09:30:00Z"),
]
REFUSED: dict[str, tuple[Any, str]] = {
    "a number": (1234567890123456789, "1234567890123456789"),
    "one below": (-(2**53) - 1, "2^53"),
    "one within": ({"a": [{"b": 2**60}]}, "2^53"),
    "a text": ("x" * LARGEST, "at most 1,024"),
    "a list": (["x" * 100] * 11, "at most 1,024"),
    "an object": ({str(n): "x" * 10 for n in range(100)}, "at most 1,024"),
}


def account(traits: dict[str, Any]) -> dict[str, Any]:
    return an_event("e", "account.updated", data={"traits": traits})


def contact(traits: dict[str, Any]) -> dict[str, Any]:
    return an_event("e", "contact.updated", data={"contact_id": "kim", "traits": traits})


@pytest.mark.parametrize("value", KEPT, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize("event", [account, contact])
def test_what_is_taken_is_kept_as_it_is(event: Any, value: Any) -> None:
    _, refused = judged(event({"own": value}))
    assert refused == []
    assert plain(value) == value


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("event", [account, contact])
def test_what_can_not_be_kept_is_refused_in_words(event: Any, value: Any, words: str) -> None:
    refusal = refusal_of(event({"fine": 1, "own": value}))
    assert refusal.code == "invalid_data"
    assert "data.traits.own" in refusal.message
    assert words in refusal.message


@pytest.mark.parametrize(("event", "most"), [(account, MOST), (contact, MOST_OF_CONTACT + 2)])
def test_there_is_room_for_so_many(event: Any, most: int) -> None:
    assert judged(event({f"t{n}": n for n in range(most)}))[1] == []
    assert f"at most {most}" in refusal_of(event({f"t{n}": n for n in range(most + 1)})).message


def test_known_traits_have_bounds_of_their_own() -> None:
    aliases = [f"crm:{'x' * 100}{n}" for n in range(100)]
    event = account({"aliases": aliases, "name": "\U0001f600" * 256})
    assert judged(event)[1] == []
    folded = after(a_message("account.updated", **event["data"])).state.traits
    assert (folded["aliases"].value, folded["name"].value) == (aliases, "\U0001f600" * 256)


def test_a_name_has_an_end() -> None:
    assert judged(account({"n" * LONGEST_NAME: 1}))[1] == []
    assert "at most 128" in refusal_of(account({"n" * (LONGEST_NAME + 1): 1})).message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_whatever_is_kept_is_kept_exactly(value: Any) -> None:
    if why_not_kept({"own": value}, MOST) is None:
        assert plain(value) == value
