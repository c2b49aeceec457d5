"""The playbooks' files: playbooks and the directory of CSMs, checked as a whole and refused with everything wrong."""

from services.playbooks.files.checks import Beside
from services.playbooks.files.people import CsmFile, load_people, read_people
from services.playbooks.files.playbook import PlaybookFile
from services.playbooks.files.reading import load_all, load_playbook, read_version
from services.playbooks.files.rules import (
    CATALOGUE,
    CSMS,
    KINDS,
    PLAYBOOKS,
    SHIPPED,
    TEMPLATES,
    RuleFiles,
    load_files,
    read_texts,
)
from services.playbooks.files.schema import CSMS_SCHEMA, PLAYBOOK_SCHEMA, SCHEMAS
from services.playbooks.files.steps import StepFile

__all__ = [
    "CATALOGUE",
    "CSMS",
    "CSMS_SCHEMA",
    "KINDS",
    "PLAYBOOKS",
    "PLAYBOOK_SCHEMA",
    "SCHEMAS",
    "SHIPPED",
    "TEMPLATES",
    "Beside",
    "CsmFile",
    "PlaybookFile",
    "RuleFiles",
    "StepFile",
    "load_all",
    "load_files",
    "load_people",
    "load_playbook",
    "read_people",
    "read_texts",
    "read_version",
]
