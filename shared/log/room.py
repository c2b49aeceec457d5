"""Whether there is room for more in the local log, on the disk that holds it."""

import shutil
from pathlib import Path

from shared.log.protocol import Unconfirmed

LEAST_SHARE = 0.05
LEAST_BYTES = 2 * 10**9


def check_room(directory: Path) -> None:
    """Raises `Unconfirmed` while less than 5 % and less than 2 GB of the directory's disk are free.

    What is accepted stays until every reader has it: a disk that is full would take what reads down, too.
    """
    try:
        disk = shutil.disk_usage(directory)
    except OSError:
        return  # It isn't here: nobody can say.
    if disk.free < min(LEAST_SHARE * disk.total, LEAST_BYTES):
        raise Unconfirmed(f"The disk of {directory} is nearly full ({disk.free / 10**9:.1f} GB are free).")
