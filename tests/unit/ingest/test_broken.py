"""One broken event of a list is refused by itself, with its id and a reason; the others are taken."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.checking import check
from services.ingest.core.reading import Unreadable, read
from services.ingest.core.senders import Sender
from services.ingest.core.splitting import Unfinished, elements, members
from tests.support.ingest import an_event
from tests.support.stream import NOON

_B = b'{"id":"b","type":"usage.recorded","account":"acme",'
BROKEN = {
    "a lone surrogate": _B + rb'"data":{"feature":"crash \ud83d"}}',
    "a low one": _B + rb'"data":{"feature":"\ude00"}}',
    "a lone surrogate in what nobody reads": _B + rb'"more":{"x":"\ud83d"}}',
    "no number": _B + b'"data":{"feature":"x","quantity":NaN}}',
    "no end of a number": _B + b'"data":{"feature":"x","m":-Infinity}}',
    "a number beyond all": _B + b'"data":{"feature":"x","quantity":1e999}}',
    "an octal number": _B + b'"data":{"feature":"x","quantity":01}}',
    "a bad escape": _B + rb'"data":{"feature":"C:\users"}}',
    "Latin-1": _B + b'"data":{"feature":"caf\xe9"}}',
    "Latin-1 in what nobody reads": _B + b'"more":"caf\xe9"}',
    "a surrogate in UTF-8": _B + b'"more":"\xed\xa0\x80"}',
    "a control character": _B + b'"data":{"feature":"a\nb"}}',
    "a NUL": _B + b'"data":{"feature":"a\x00b"}}',
    "an escaped NUL": _B + rb'"data":{"feature":"a\u0000b"}}',
    "a bracket too many": _B + b'"data":{"feature":"x"}]}',
    "a bracket too few": _B + b'"data":{"feature":["x"}}',
    "no quotes": _B + b'"data":{feature:"x"}}',
    "nested far too deep": _B + b'"data":' + b"[" * 3000 + b"]" * 3000 + b"}",
    "nested too deep": _B + b'"data":' + b"[" * 40 + b"]" * 40 + b"}",
}
GOOD = [msgspec.json.encode(an_event(id)) for id in ("a", "c")]


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "application/cloudevents-batch+json; charset=utf-8"}], ids=str
)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_one_that_is_broken_is_refused_alone(broken: bytes, headers: dict[str, str]) -> None:
    body = b"[" + b" ,\n".join([GOOD[0], broken, GOOD[1]]) + b"]"
    good, refused = check(read(headers, body), NOON, Sender("app"))
    assert [one.id for one in good] == ["a", "c"]
    [why] = refused
    assert (why.index, why.id) == (1, "b")
    assert why.code in {"invalid_json", "invalid_text"}
    assert why.message.endswith(".")


@pytest.mark.parametrize("broken", [b"", b"nope", b'{"id":"b', b"\xff"])
def test_what_is_no_event_at_all_has_no_id(broken: bytes) -> None:
    body = b"[" + b",".join([GOOD[0], broken, GOOD[1]]) + b"]"
    try:
        good, refused = check(read({}, body), NOON, Sender("app"))
    except Unreadable:
        assert b'"' in broken, "a quotation mark that never ends takes the rest with it"
        return
    assert ([one.id for one in good], [(one.index, one.id) for one in refused]) == (["a", "c"], [(1, None)])


def test_a_comma_too_many_at_the_end_does_no_harm() -> None:
    good, refused = check(read({}, b"[" + GOOD[0] + b",\n]"), NOON, Sender("app"))
    assert ([one.id for one in good], refused) == (["a"], [])


def test_a_body_that_ends_too_early_is_refused_whole() -> None:
    """Its sender has failed, and sends it again."""
    body = b"[" + b",".join(GOOD) + b"]"
    for end in range(1, len(body)):
        with pytest.raises(Unreadable):
            read({}, body[:end])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['a"b', "\\", "[{", "}],:"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES), st.sampled_from([0, 2]))
def test_sound_json_is_split_as_a_decoder_does(values: list[Any], indent: int) -> None:
    raw = msgspec.json.format(msgspec.json.encode(values), indent=indent)
    assert [msgspec.json.decode(one) for one in elements(raw)] == values


@given(st.dictionaries(st.text(), VALUES))
def test_so_is_an_object(value: dict[str, Any]) -> None:
    found = members(msgspec.json.encode(value))
    assert {name: msgspec.json.decode(one) for name, one in found.items()} == value


@given(st.binary() | st.text(alphabet='[]{},:"\\ a1').map(str.encode))
def test_nothing_breaks_the_splitting(raw: bytes) -> None:
    assert all(value in raw for value in members(raw).values())
    with suppress(Unfinished):
        assert all(one in raw for one in elements(raw))
