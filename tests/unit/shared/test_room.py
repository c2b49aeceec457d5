"""Ingest takes nothing more while the disk of the local log is nearly full."""

from pathlib import Path

import pytest

from shared.figures import Figures
from shared.log.protocol import Outgoing, Unconfirmed
from shared.log.publisher import Publisher
from shared.log.room import check_room
from tests.support.ingest import Broker

GB = 10**9


def a_disk(total: int, free: int) -> tuple[int, int, int]:
    return total, total - free, free


@pytest.mark.parametrize(
    ("total", "free", "room"),
    [
        (1000 * GB, 10 * GB, True),  # 1 %, and yet 10 GB
        (1000 * GB, 2 * GB, True),
        (1000 * GB, 2 * GB - 1, False),
        (10 * GB, GB, True),  # 1 GB, and yet 10 %
        (10 * GB, GB // 2, True),
        (10 * GB, GB // 2 - 1, False),
        (10 * GB, 0, False),
    ],
)
def test_there_is_room_above_five_percent_or_two_gigabytes(total: int, free: int, room: bool) -> None:
    if room:
        check_room(Path("data"), lambda _: a_disk(total, free))
    else:
        with pytest.raises(Unconfirmed, match="nearly full"):
            check_room(Path("data"), lambda _: a_disk(total, free))


def test_a_directory_that_is_elsewhere_says_nothing() -> None:
    check_room(Path("/nowhere/at/all"))


async def test_nothing_is_published_while_there_is_no_room_and_again_when_there_is() -> None:
    broker, disk = Broker(), [a_disk(10 * GB, 0)]
    publisher = Publisher(
        broker.producer, Figures("ingest"), check_room=lambda: check_room(Path("data"), lambda _: disk[0])
    )
    with pytest.raises(Unconfirmed):
        publisher.check()
    with pytest.raises(Unconfirmed):
        await publisher.publish([Outgoing("t", "k", b"")])
    assert broker.messages == []
    disk[0] = a_disk(10 * GB, 5 * GB)
    publisher.check()
    await publisher.publish([Outgoing("t", "k", b"")])
    assert len(broker.messages) == 1
    await publisher.stop()
