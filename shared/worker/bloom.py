"""A Bloom filter over 16-byte digests: about 10 bits an id and 7 probes, so that about 1 % of strangers look known.

One that takes more as they come has room for twice as many as it was made of, and 24 bits for each that has room: until
it is full, one stranger in 15,000 looks known at most.

Source: B. Bloom, 1970; double hashing by A. Kirsch and M. Mitzenmacher, 2006. The digests are already uniform.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

BITS_PER_ID = 10
_PROBES = 7
_GROWING_BITS = 24
_LEAST_ROOM = 4096
_HALVES: Final = Struct("<QQ").unpack
"""A digest as two numbers: where the first probe is, and how far the next."""


class Bloom:
    """Says "never seen" for sure, or "perhaps"."""

    def __init__(self, bits: bytearray, room: int = 0) -> None:
        self._bits = bits
        self._size = len(bits) * 8
        self._room = room
        """How many more it may take."""

    @classmethod
    def of(cls, digests: Iterable[bytes], count: int) -> "Bloom":
        """A filter of `count` digests."""
        made = cls(bytearray(max(8, (count * BITS_PER_ID + 7) // 8)))
        for digest in digests:
            made._add(digest)
        return made

    @classmethod
    def growing(cls, digests: Iterable[bytes], count: int) -> "Bloom":
        """A filter of `count` digests that takes as many again."""
        room = 2 * max(count, _LEAST_ROOM)
        made = cls(bytearray((room * _GROWING_BITS + 7) // 8), room)
        made.take(digests, count)
        return made

    def takes(self, count: int) -> bool:
        """Whether there is room for so many more."""
        return count <= self._room

    def take(self, digests: Iterable[bytes], count: int) -> None:
        """Know these, `count` of them, too. There must be room."""
        for digest in digests:
            self._add(digest)
        self._room -= count

    # Asked of every event of an old day, up to three times: so without a generator, and of numbers that stay small.

    def _add(self, digest: bytes) -> None:
        bits, size = self._bits, self._size
        first, step = _HALVES(digest)
        place, step = first % size, (step | 1) % size
        for _ in range(_PROBES):
            bits[place >> 3] |= 1 << (place & 7)
            place = (place + step) % size

    def __contains__(self, digest: bytes) -> bool:
        bits, size = self._bits, self._size
        first, step = _HALVES(digest)
        place, step = first % size, (step | 1) % size
        for _ in range(_PROBES):
            if not bits[place >> 3] & (1 << (place & 7)):
                return False
            place = (place + step) % size
        return True

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._bits)

    def tobytes(self) -> bytes:
        """The bits, to be stored."""
        return bytes(self._bits)
