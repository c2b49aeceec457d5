"""Scoring's files: scorecards and the catalogue, checked as a whole and refused with everything that is wrong."""

from services.scoring.files.catalogue import CatalogueFile
from services.scoring.files.rules import SHIPPED, RuleFiles, load_files, load_rules
from services.scoring.files.schema import SCHEMAS
from services.scoring.files.scorecard import ScorecardFile

__all__ = ["SCHEMAS", "SHIPPED", "CatalogueFile", "RuleFiles", "ScorecardFile", "load_files", "load_rules"]
