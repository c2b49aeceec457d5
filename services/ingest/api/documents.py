"""Mappings as documents."""

from typing import Final

from services.ingest.files import MAPPING_SCHEMA, MAPPINGS, Mappings
from shared.clock import Clock
from shared.documents import together
from shared.documents.in_force import InForce
from shared.documents.routes import Draft, Kind
from shared.documents.routes import routes as document_routes
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router


def _mapping(mappings: Mappings, text: bytes) -> Draft[Mappings]:
    one, whole = mappings.with_draft(text)
    return Draft(one.id, one.warnings, whole)


_A_MAPPING: Final = """\
id: web
for_sources: [shop-web]
account: [context.groupId, properties.workspace_id]
usage:
  - {event: "Report *", feature: reports, quantity: properties.count}
drop:
  - {kind: page}
"""
MAPPING: Final = Kind(MAPPINGS, MAPPING_SCHEMA, _mapping, example=_A_MAPPING)


def routes(uow: UnitOfWork, clock: Clock, in_force: InForce[Mappings]) -> tuple[Router, ...]:
    """`/v1/mappings` and `/v1/rules`."""
    return (
        document_routes(MAPPING, in_force, uow, clock),
        together.routes("ingest", in_force, uow, clock, example=MAPPING.wanted),
    )
