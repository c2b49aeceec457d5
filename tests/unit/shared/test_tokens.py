"""The token of what was published: what it says comes back, and what it is not is refused in words."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.log.protocol import TopicPartition
from shared.log.tokens import LONGEST, BadToken, places_in, token_of
from shared.messages.registry import EVENT_TOPICS, TOPICS, USAGE

places = st.dictionaries(
    st.builds(TopicPartition, st.sampled_from(TOPICS), st.integers(0, 1023)),
    st.integers(1, 2**63 - 1),
    min_size=1,
    max_size=60,
)


@given(places)
@example({TopicPartition(topic, number): 2**63 - 1 for topic in TOPICS for number in (0, 1023)})
def test_what_goes_in_comes_out(reached: dict[TopicPartition, int]) -> None:
    token = token_of(reached, "here")
    assert token is not None
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert places_in(token, "here") == reached


def test_one_event_takes_few_characters() -> None:
    token = token_of({TopicPartition(USAGE, 3): 1_000_000}, "here")
    assert token is not None
    assert len(token) <= 16


def test_a_thousand_partitions_fit_into_an_address() -> None:
    reached = {TopicPartition(EVENT_TOPICS[n % 5], n): 50_000_000 + n * 7919 % 40_000 for n in range(1000)}
    token = token_of(reached, "here")
    assert token is not None
    assert len(token) < 6_000
    assert places_in(token, "here") == reached


def test_what_would_be_too_long_for_an_address_has_none() -> None:
    assert (
        token_of({TopicPartition(topic, n): 2**40 + n**3 for topic in EVENT_TOPICS for n in range(1024)}, "a") is None
    )


def test_nothing_published_has_none() -> None:
    assert token_of({}, "here") is None


def test_a_token_of_another_log_says_so() -> None:
    token = token_of({TopicPartition(USAGE, 0): 1}, "there")
    assert token is not None
    with pytest.raises(BadToken, match="another log"):
        places_in(token, "here")


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda b: base64.urlsafe_b64encode(b).decode()))
@example("")
@example("=")
@example("A" * (LONGEST + 1))
@example("ü\0")
def test_what_is_no_token_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadToken, match="token"):
        places_in(text, "here")


@given(st.data())
def test_a_token_that_was_cut_or_changed_is_refused_or_says_other_places_of_this_log(data: st.DataObject) -> None:
    token = token_of(data.draw(places), "here")
    assert token is not None
    spoilt = bytearray(token.encode())
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(45, 122))
    text = spoilt[: data.draw(st.integers(0, len(spoilt)))].decode()
    try:
        found = places_in(text, "here")
    except BadToken:
        return
    assert all(at.topic in TOPICS and 0 <= at.partition < 1024 and 0 < end < 2**63 for at, end in found.items())
