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


_A_CARD: Final = """\
id: by-use
version: 1
title: an account that is judged by its use and its tickets alone
for_accounts: account.plan == free
measures:
  usage.recency: {weight: 60}
  support.urgent: {weight: 40}
bands: {green: 75, amber: 50, margin: 3}
"""
_A_CATALOGUE: Final = """\
features:
  pro: [reports, dashboards, api]
cadence:
  payroll: monthly
"""
KINDS: Final = (
    Kind(CARDS, CARD_SCHEMA, _card, example=_A_CARD),
    Kind(CATALOGUE[0], CATALOGUE_SCHEMA, _catalogue, only=CATALOGUE[1], example=_A_CATALOGUE),
)
"""What scoring goes by: each text is checked beside all others."""
