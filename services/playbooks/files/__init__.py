"""The playbooks' files: playbooks and the directory of CSMs, refused with everything that is wrong."""

from services.playbooks.files.checks import Beside
from services.playbooks.files.people import CsmFile, load_people, read_people
from services.playbooks.files.playbook import PlaybookFile
from services.playbooks.files.reading import SHIPPED, load_all, load_files, load_playbook, read_version
from services.playbooks.files.schema import SCHEMAS, playbook_schema
from services.playbooks.files.steps import StepFile

__all__ = [
    "SCHEMAS",
    "SHIPPED",
    "Beside",
    "CsmFile",
    "PlaybookFile",
    "StepFile",
    "load_all",
    "load_files",
    "load_people",
    "load_playbook",
    "playbook_schema",
    "read_people",
    "read_version",
]
