"""From a text, or a folder, to what the core knows."""

import logging
from pathlib import Path

from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Entry
from services.playbooks.files.checks import Beside
from services.playbooks.files.loaded import load_one
from services.playbooks.files.rules import SHIPPED, load_folder
from services.playbooks.files.together import entries_of
from shared.conditions import Refused

_LOG = logging.getLogger(__name__)


def load_playbook(data: bytes | str, name: str, beside: Beside | None = None) -> Entry:
    """One playbook from its YAML, checked against what is known beside it. Raises `Refused`."""
    return load_one(data.encode() if isinstance(data, str) else data, name, beside).entry


def read_version(source: str | None, name: str) -> Playbook | None:
    """An older version that an episode stays with; None when it can't be read any more."""
    try:
        return None if source is None else load_playbook(source, name).playbook
    except Refused as error:
        _LOG.warning("An old version can't be read any more; its episodes go on with the one in force: %s", error)
        return None


def load_all(folder: Path = SHIPPED, beside: Beside | None = None) -> tuple[Entry, ...]:
    """Every playbook of a folder, by id. Raises `Refused` with all that is wrong in all files."""
    return entries_of(load_folder(folder, lambda data, name: load_one(data, name, beside)))
