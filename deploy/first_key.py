"""Makes the first API key of a stack in containers: `python -m deploy.first_key`.

It is shown once and kept in a file that ingest reads. `KEEPWELL_ADMIN_KEY` replaces it.
"""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from shared.settings import Settings, SettingsError

_FILE = "admin.key"


def keep(home: Path, given: str | None, random: Callable[[], str]) -> str:
    """See to it that the key's file is there; what there is to say of it."""
    file = home / _FILE
    if not given and file.exists():
        return f"The first API key is kept in {file}."
    key = given or f"kw_{random()}"
    # In one step: a half-written key would be taken for the key at the next start.
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(f"{key}\n")
    new.replace(file)
    return f"The given API key is kept in {file}." if given else f"The first API key, shown once: {key}"


def main() -> int:
    """Keep the key of the settings, or make one, below `KEEPWELL_HOME`."""
    try:
        settings = Settings.load()
        given = settings.admin_key.get_secret_value() if settings.admin_key else None
        sys.stdout.write(keep(settings.home, given, lambda: secrets.token_urlsafe(32)) + "\n")
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
