"""A Bloom filter over 16-byte digests: about 10 bits an id and 7 probes, so that about 1 % of strangers look known.

Source: B. Bloom, 1970; double hashing by A. Kirsch and M. Mitzenmacher, 2006. The digests are already uniform.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

BITS_PER_ID = 10
_PROBES = 7
_HALVES: Final = Struct("<QQ").unpack
"""A digest as two numbers: where the first probe is, and how far the next."""


class Bloom:
    """Says "never seen" for sure, or "perhaps"."""

    def __init__(self, bits: bytearray) -> None:
        self._bits = bits
        self._size = len(bits) * 8

    @classmethod
    def of(cls, digests: Iterable[bytes], count: int) -> "Bloom":
        """A filter of `count` digests."""
        made = cls(bytearray(max(8, (count * BITS_PER_ID + 7) // 8)))
        for digest in digests:
            made._add(digest)
        return made

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
