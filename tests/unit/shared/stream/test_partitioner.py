"""Keepwell's partitioner is Kafka's: the vectors are those of Apache Kafka's own `UtilsTest.testMurmur2`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.log.partitioner import murmur2, partition_of

KAFKAS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), KAFKAS.items(), ids=lambda value: str(value)[:20])
def test_the_hash_is_kafkas_murmur2(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_a_partition_is_the_positive_hash_modulo_their_number() -> None:
    assert partition_of("foobar", 8) == (-790332482 & 0x7FFFFFFF) % 8


@given(st.text(max_size=60), st.integers(min_value=1, max_value=1024))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


@given(st.text(max_size=60), st.integers(min_value=1, max_value=1024))
def test_it_is_the_one_that_aiokafkas_default_partitioner_takes(key: str, partitions: int) -> None:
    from aiokafka.partitioner import DefaultPartitioner  # type: ignore[import-untyped]

    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key.encode(), every, every)
