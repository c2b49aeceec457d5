"""Which schemas there are, whose tables they hold and who may use them. The owner of the database owns them all."""

import importlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import MetaData

from deploy import SERVICES


class Schema(NamedTuple):
    """One schema; `readers` may look at its rows, and `writers` may change them. Nobody but its owner makes tables.

    `asked` has its functions that others may call, who see none of its rows.
    """

    name: str
    tables: str
    """The module that holds its `metadata`."""
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    asked: Mapping[str, str] = {}
    """By function, with the types of its arguments: the service that calls it."""

    def metadata(self) -> MetaData:
        """The tables as the code has them; imported only where a version is written or checked."""
        found = importlib.import_module(self.tables).metadata
        assert isinstance(found, MetaData)
        return found


_ASKED: Final = {"scoring": {"known(text[])": "ingest"}}
SCHEMAS = (
    Schema("access", "shared.auth.tables", readers=SERVICES, writers=("ingest",)),
    Schema("rules", "shared.documents.tables", readers=SERVICES, writers=SERVICES),
    Schema("log", "shared.log.tables", writers=SERVICES),
    *(Schema(name, f"services.{name}.tables", writers=(name,), asked=_ASKED.get(name, {})) for name in SERVICES),
)
