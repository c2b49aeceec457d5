"""A peer's own virtual environment: made from its lock at the first use, and kept for the next."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

_HOME: Final = Path(__file__).parents[2] / "build" / "peers"


class Unavailable(Exception):
    """The peer can't be made or started here; the text says why."""


def home_of(lock: Path, home: Path = _HOME) -> Path:
    """Where the environment of a lock is kept: another lock or Python has another."""
    made_of = lock.read_bytes() + sys.version.encode()
    return home / f"{lock.stem}-{hashlib.sha256(made_of).hexdigest()[:12]}"


def python_of(lock: Path, home: Path = _HOME) -> Path:
    """The environment's Python, with what the lock names installed. Raises `Unavailable`."""
    made = home_of(lock, home)
    python, stamp, log = made / "bin" / "python", made / ".made", home / f"{lock.stem}.log"
    if stamp.exists():
        return python
    shutil.rmtree(made, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    install = [
        str(python),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
        "install",
        "--require-hashes",
        "-r",
        str(lock),
    ]
    for command in ([sys.executable, "-m", "venv", str(made)], install):
        with log.open("wb") as said:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
        if done.returncode:
            raise Unavailable(f"its environment can't be made, see {log}")
    stamp.touch()
    return python
