"""Mappings as documents."""

from collections.abc import Sequence
from typing import Any, Final

from services.ingest.files import MAPPING_SCHEMA, MAPPINGS, Mappings
from shared.auth.keys import KeyStore
from shared.clock import Clock
from shared.conditions import Problem
from shared.documents import together
from shared.documents.in_force import InForce
from shared.documents.routes import Beside, Draft, Kind
from shared.documents.routes import routes as document_routes
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router
from shared.words import listed


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
_MOST_TOLD: Final = 8
MAPPING: Final = Kind(MAPPINGS, MAPPING_SCHEMA, _mapping, example=_A_MAPPING)


class BesideMappings(Beside[Mappings]):
    """Mappings beside the keys whose sources they name."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    async def warnings(self, c: Any, draft: Draft[Mappings]) -> Sequence[Problem]:
        """Sources that no key sends as: nobody goes by the mapping there."""
        del c
        file, known = draft.whole.files[draft.id], self._keys.sources
        hint = f"Keys send as {listed(sorted(known), most=_MOST_TOLD)}."
        return [
            Problem(f"No key sends as `{source}`.", file.at_source(source), hint)
            for source in file.for_sources
            if source not in known
        ]


def routes(uow: UnitOfWork, clock: Clock, in_force: InForce[Mappings], keys: KeyStore) -> tuple[Router, ...]:
    """`/v1/mappings` and `/v1/rules`."""
    return (
        document_routes(MAPPING, in_force, uow, clock, BesideMappings(keys)),
        together.routes("ingest", in_force, uow, clock, example=MAPPING.wanted),
    )
