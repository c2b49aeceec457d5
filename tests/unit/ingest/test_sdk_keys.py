"""The key as clients send it in a body."""

import msgspec
import pytest

from services.ingest.api.sdk.keys import key_in_body

BROKEN = b'{"batch":[{"event":NaN,"properties":{"token":"theirs"}}],"api_key": "kw_abc-D_e"}'


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"writeKey":"kw_a","batch":[]}', "kw_a"),
        (b'\xef\xbb\xbf {"api_key":"kw_a","token":"other"}', "kw_a"),
        (b'{"token":"kw_a"}', "kw_a"),
        (b'{"properties":{"token":"kw_a"}}', "kw_a"),
        (b'[{"event":"x","properties":{"token":"kw_a"}},{}]', "kw_a"),
        (b'{"writeKey":"kw_a:secret"}', "kw_a"),
        (b'{"writeKey":"keepwell:kw_a"}', "kw_a"),
        (b'{"writeKey":"word"}', "word"),
        (BROKEN, "kw_abc-D_e"),
        *((body, None) for body in (b"", b"[]", b"7", b"{}", b'{"writeKey":7}', b'{"writeKey":""}', b"[" * 100_000)),
    ],
)
def test_a_key_in_the_body_is_found(body: bytes, key: str | None) -> None:
    assert key_in_body(body) == key


def test_who_has_no_key_costs_next_to_nothing() -> None:
    body = msgspec.json.encode({"writeKey": 7, "batch": ['"token":' * 1000] * 600})
    assert key_in_body(body) is None
