"""Whether there is room for more in the local log, on the disk that holds it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from shared.log.protocol import Unconfirmed

LEAST_SHARE = 0.05
LEAST_BYTES = 2 * 10**9


def check_room(directory: Path, usage_of: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> None:
    """Raises `Unconfirmed` while less than 5 % and less than 2 GB of the directory's disk are free.

    What is accepted stays until every reader has it, and a full disk would take down what reads, too. Where the
    directory isn't on this machine nobody can say. `usage_of` gives total, used and free bytes.
    """
    try:
        total, _, free = usage_of(directory)
    except OSError:
        return
    if free < min(LEAST_SHARE * total, LEAST_BYTES):
        raise Unconfirmed(f"The disk of {directory} is nearly full: {free / 10**9:.1f} GB are free.")
