"""The token of what was published: how far a log must have been read until all of it was.

It is opaque to whoever carries it, safe in a URL, and speaks of offsets, not of accounts or versions (decision 73).
Inside are a version, a mark of the log's id, a byte that says which topics of the registry follow, and for each the
partitions in their order: how many there are, and of each how far it lies from the one before and how its offset
differs from that one's, as numbers of as many bytes as they need. The partitions of a topic fill alike, so their
offsets differ by little: a request's thousand events, each in another partition, take some 5,000 characters.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from shared.log.protocol import Places, TopicPartition
from shared.messages.registry import TOPICS

LONGEST: Final = 7_000
"""Characters: with the rest of the address it stays under the 8 KiB that proxies take."""
_VERSION: Final = 1
_MARK: Final = 4
_HEAD: Final = 1 + _MARK + 1
_NUMBERS: Final = {topic: number for number, topic in enumerate(TOPICS)}
_MOST: Final = 2**63 - 1
_PARTITIONS: Final = 1024


class BadToken(ValueError):
    """It can't be used; the text says why, in a sentence or two."""


def token_of(places: Places, cluster: str) -> str | None:
    """The token; None where there is nothing to wait for, or in so many partitions that it would be too long."""
    if not places:
        return None
    by_topic: dict[int, list[tuple[int, int]]] = {}
    for (topic, partition), end in places.items():
        by_topic.setdefault(_NUMBERS[topic], []).append((partition, end))
    packed = bytearray(_head(cluster))
    for number in sorted(by_topic):
        packed[-1] |= 1 << number
    for number in sorted(by_topic):
        _write_ends(packed, sorted(by_topic[number]))
    token = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    return token if len(token) <= LONGEST else None


def places_in(token: str, cluster: str) -> dict[TopicPartition, int]:
    """What the token says. Raises `BadToken` for one that is none, or that another log gave."""
    if len(token) > LONGEST:
        raise BadToken(_NONE)
    try:
        packed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise BadToken(_NONE) from None
    # Python's decoder passes over what is no Base64, and over bits that say nothing: there is one token for one place.
    if base64.urlsafe_b64encode(packed).rstrip(b"=").decode() != token or len(packed) <= _HEAD:
        raise BadToken(_NONE)
    if packed[0] != _VERSION:
        raise BadToken("This token was given by another version of Keepwell. Send the events again for a new one.")
    if packed[1 : 1 + _MARK] != _mark(cluster):
        raise BadToken(
            "This token speaks of another log than the one that is read here. Ask the Keepwell that gave it."
        )
    numbers = _numbers(packed[_HEAD:])
    which, places = packed[_HEAD - 1], dict[TopicPartition, int]()
    try:
        for topic, number in _NUMBERS.items():
            if which >> number & 1:
                places |= {TopicPartition(topic, partition): end for partition, end in _ends(numbers)}
    except StopIteration:
        raise BadToken(_NONE) from None
    if not places or next(numbers, None) is not None:
        raise BadToken(_NONE)
    return places


def _write_ends(body: bytearray, ends: Sequence[tuple[int, int]]) -> None:
    _write(body, len(ends))
    before, last = -1, 0
    for partition, end in ends:
        _write(body, partition - before - 1)
        # The sign goes into the lowest bit.
        _write(body, (end - last) * 2 if end >= last else (last - end) * 2 - 1)
        before, last = partition, end


def _ends(numbers: Iterator[int]) -> list[tuple[int, int]]:
    """Raises `BadToken`, and `StopIteration` where it ends too soon."""
    ends, partition, end = list[tuple[int, int]](), -1, 0
    for _ in range(next(numbers)):
        partition += next(numbers) + 1
        moved = next(numbers)
        end += -(moved + 1) // 2 if moved & 1 else moved // 2
        if not (partition < _PARTITIONS and 0 < end <= _MOST):
            raise BadToken(_NONE)
        ends.append((partition, end))
    return ends


def _write(body: bytearray, number: int) -> None:
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield number
            number = shift = 0
    if shift:
        raise BadToken(_NONE)


@lru_cache(maxsize=4)
def _head(cluster: str) -> bytes:
    """What every token of a log begins with, as yet without any topic."""
    return bytes((_VERSION, *_mark(cluster), 0))


def _mark(cluster: str) -> bytes:
    return blake2b(cluster.encode(), digest_size=_MARK).digest()


_NONE: Final = (
    "'at_least' is no token that Keepwell gave. Take 'token' from the answer to your events, as it is; where that is "
    "null there is nothing to wait for, so leave 'at_least' out."
)
