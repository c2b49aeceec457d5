"""Whether there is room for more in the local log, on the disk that holds it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from shared.log.protocol import Unconfirmed

LEAST_SHARE = 0.05
LEAST_BYTES = 2 * 10**9


class Usage(Protocol):
    """What is told of a disk, in bytes."""

    @property
    def total(self) -> int:
        """How much there is."""

    @property
    def free(self) -> int:
        """How much of it may be used."""


def check_room(directory: Path, usage_of: Callable[[Path], Usage] = shutil.disk_usage) -> None:
    """Raises `Unconfirmed` while less than 5 % and less than 2 GB of the directory's disk are free.

    What is accepted stays until every reader has it, and a full disk would take down what reads, too. Where the
    directory isn't on this machine nobody can say.
    """
    try:
        disk = usage_of(directory)
    except OSError:
        return
    if disk.free < min(LEAST_SHARE * disk.total, LEAST_BYTES):
        raise Unconfirmed(f"The disk of {directory} is nearly full: {disk.free / 10**9:.1f} GB are free.")
