"""Scorecards and the catalogue as documents."""

from typing import Final

from services.scoring.files import CARD_SCHEMA, CARDS, CATALOGUE, CATALOGUE_SCHEMA, RuleFiles
from shared.documents.routes import Draft, Kind


def _card(files: RuleFiles, text: bytes) -> Draft[RuleFiles]:
    card, whole = files.with_card(text)
    return Draft(card.id, card.warnings, whole)


def _catalogue(files: RuleFiles, text: bytes) -> Draft[RuleFiles]:
    catalogue, whole = files.with_catalogue(text)
    return Draft(CATALOGUE[1], catalogue.warnings, whole)


KINDS: Final = (
    Kind(CARDS, CARD_SCHEMA, _card),
    Kind(CATALOGUE[0], CATALOGUE_SCHEMA, _catalogue, only=CATALOGUE[1]),
)
"""What scoring goes by: each text is checked beside all others."""
