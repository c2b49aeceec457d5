"""Which partition an account's messages go to: Kafka's own murmur2, in both homes of the stream."""

from functools import lru_cache

_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    length = len(data)
    m, r = 0x5BD1E995, 24
    h = (0x9747B28C ^ length) & _MASK
    whole = length - length % 4
    for i in range(0, whole, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * m) & _MASK
        k = ((k ^ (k >> r)) * m) & _MASK
        h = ((h * m) & _MASK) ^ k
    if length % 4:
        h = ((h ^ int.from_bytes(data[whole:], "little")) * m) & _MASK
    h = ((h ^ (h >> 13)) * m) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: `toPositive(murmur2(key)) mod partitions`, as Kafka's default partitioner has it."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
