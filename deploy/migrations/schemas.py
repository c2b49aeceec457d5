"""Which schemas there are, whose tables they hold and who may use them. Each belongs to a role `keepwell_NAME`."""

import importlib
from typing import NamedTuple

from sqlalchemy import MetaData

SERVICES = ("ingest", "scoring", "playbooks", "notifier")


class Schema(NamedTuple):
    """One schema; `readers` and `writers` are services besides its owner."""

    name: str
    tables: str
    """The module that holds its `metadata`."""
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """The role that owns it, and as which its service acts."""
        return f"keepwell_{self.name}"

    def metadata(self) -> MetaData:
        """The tables as the code has them; imported only where a version is written or checked."""
        found = importlib.import_module(self.tables).metadata
        assert isinstance(found, MetaData)
        return found


SCHEMAS = (
    Schema("access", "shared.auth.tables", readers=SERVICES, writers=("ingest",)),
    Schema("log", "shared.log.tables", writers=SERVICES),
    *(Schema(name, f"services.{name}.tables") for name in SERVICES),
)
