"""A Bloom filter over 16-byte digests: about 10 bits an id and 7 probes, so that about 1 % of strangers look known.

Source: B. Bloom, 1970; double hashing by A. Kirsch and M. Mitzenmacher, 2006. The digests are already uniform.
"""

from collections.abc import Iterable

BITS_PER_ID = 10
_PROBES = 7


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

    def _places(self, digest: bytes) -> Iterable[int]:
        first = int.from_bytes(digest[:8], "little")
        step = int.from_bytes(digest[8:], "little") | 1
        return ((first + i * step) % self._size for i in range(_PROBES))

    def _add(self, digest: bytes) -> None:
        for place in self._places(digest):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, digest: bytes) -> bool:
        return all(self._bits[place >> 3] & (1 << (place & 7)) for place in self._places(digest))

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._bits)

    def tobytes(self) -> bytes:
        """The bits, to be stored."""
        return bytes(self._bits)
