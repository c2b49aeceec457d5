"""The secrets of an installation, each a file for its owner only: `python -m deploy.secrets`.

That makes, below `KEEPWELL_HOME`, what is not there yet, and shows none of it: a database password for each service
and for the owner of the tables, the first API key, which ingest reads and `KEEPWELL_ADMIN_KEY` replaces, and the key of
signed links, which the notifier signs with and ingest reads by, and `KEEPWELL_LINK_KEYS` replaces.
"""

import secrets
import sys
from pathlib import Path

from deploy import SERVICES

_DIRECTORY, _PASSWORD, _KEY = "secrets", "password", "admin.key"
LINK_KEYS = "link.keys"


def keep(file: Path, given: str | None = None, prefix: str = "") -> str:
    """The secret that a file keeps: the given one, or what is there already, or a new one made up."""
    if not given and file.exists():
        return file.read_text(encoding="utf-8").strip()
    secret = given or prefix + secrets.token_urlsafe(32)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In one step: a half-written secret would be taken for the secret at the next start.
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(f"{secret}\n", encoding="utf-8")
    new.replace(file)
    return secret


def keep_admin_key(file: Path, given: str | None = None) -> str:
    """The first API key."""
    return keep(file, given, "kw_")


def password_file(home: Path, service: str) -> Path:
    """Where the password is with which a service, or the `owner` of the tables, logs in to the database."""
    return home / _DIRECTORY / service / _PASSWORD


def main() -> int:
    """Make what is not there yet. For containers, each of which gets the directory of one service."""
    from shared.settings import Settings, SettingsError  # the supervisor stays small without it

    try:
        settings = Settings.load()
        for service in SERVICES:
            keep(password_file(settings.home, service))
        # The database's own container reads it as another user, and it is mounted where the tables are made alone.
        owner = password_file(settings.home, "owner")
        keep(owner)
        owner.chmod(0o444)
        key = settings.home / _DIRECTORY / "ingest" / _KEY
        keep_admin_key(key, settings.admin_key.get_secret_value() if settings.admin_key else None)
        given = settings.link_keys.get_secret_value() if settings.link_keys else None
        signing = keep(settings.home / _DIRECTORY / "ingest" / LINK_KEYS, given)
        keep(settings.home / _DIRECTORY / "notifier" / LINK_KEYS, signing)
        sys.stdout.write(
            f"Passwords, the first API key and that of links are kept below {settings.home / _DIRECTORY}.\n"
        )
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
