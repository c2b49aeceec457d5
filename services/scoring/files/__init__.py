"""Scoring's files: scorecards and the catalogue, checked as a whole and refused with everything that is wrong."""

from services.scoring.files.catalogue import CatalogueFile
from services.scoring.files.rules import CARDS, CATALOGUE, KINDS, SHIPPED, RuleFiles, load_files, load_rules, read_texts
from services.scoring.files.schema import CARD_SCHEMA, CATALOGUE_SCHEMA, SCHEMAS
from services.scoring.files.scorecard import ScorecardFile

__all__ = [
    "CARDS",
    "CARD_SCHEMA",
    "CATALOGUE",
    "CATALOGUE_SCHEMA",
    "KINDS",
    "SCHEMAS",
    "SHIPPED",
    "CatalogueFile",
    "RuleFiles",
    "ScorecardFile",
    "load_files",
    "load_rules",
    "read_texts",
]
