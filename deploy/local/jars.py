"""Kafka's jars, as the pom locks them: copied once by Maven into `deploy/local/target`, then used from there."""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.server import ServerError

_HERE = Path(__file__).resolve().parent
_POM = _HERE / "pom.xml"
_TARGET = _HERE / "target"
_OLDEST_JAVA = 17


class KafkaMissing(ServerError):
    """Kafka can't run on this machine; the text says what to install."""


def what_is_missing() -> str | None:
    """Why Kafka can't run here, in a sentence; None when it can."""
    if shutil.which("java") is None:
        return f"Java is not installed; Kafka needs Java {_OLDEST_JAVA} or newer (on Debian: openjdk-17-jre-headless)."
    if (version := _java_version()) < _OLDEST_JAVA:
        return f"Java {version} is installed; Kafka needs Java {_OLDEST_JAVA} or newer."
    if not _folder().is_dir() and shutil.which("mvn") is None:
        return "Maven is not installed; it fetches Kafka's jars (on Debian: maven)."
    return None


def class_path() -> str:
    """The class path with Kafka's jars, which are fetched when they are not there. Raises `KafkaMissing`."""
    if (reason := what_is_missing()) is not None:
        raise KafkaMissing(reason)
    folder = _folder()
    if not folder.is_dir():
        _fetch(folder)
    return f"{folder}/*"


def _folder() -> Path:
    """Another pom means another folder, so that a new version is never mixed with an old one."""
    return _TARGET / f"jars-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"


def _fetch(folder: Path) -> None:
    _TARGET.mkdir(exist_ok=True)
    # Copied aside and moved in one step, so that an interrupted or a second copy leaves nothing half made.
    with tempfile.TemporaryDirectory(dir=_TARGET) as aside:
        jars = Path(aside) / "jars"
        copied = subprocess.run(
            ["mvn", "-q", "-B", "-f", _POM, "dependency:copy-dependencies", f"-DoutputDirectory={jars}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if copied.returncode or not any(jars.glob("kafka_*.jar")):
            words = [line for line in copied.stdout.splitlines() if "ERROR" in line]
            raise KafkaMissing(f"Maven could not fetch Kafka's jars. Its first words: {words[:1]}")
        try:
            jars.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _java_version() -> int:
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else 0


def main() -> int:
    """Fetch the jars beforehand: `python -m deploy.local.jars`."""
    try:
        sys.stdout.write(f"Kafka's jars: {class_path()}\n")
    except KafkaMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
