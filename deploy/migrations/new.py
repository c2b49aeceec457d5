"""Writes a schema's next version from what its tables have that its versions lack.

`python -m deploy.migrations.new SCHEMA "what it does"`. It asks a server of its own, so nothing needs to run. Read what
it wrote: it can't know what should become of the rows that are there.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from deploy import SERVICES
from deploy.local.postgres import Postgres
from deploy.migrations.run import HERE, config_for, enter, migrate, transaction
from deploy.migrations.schemas import SCHEMAS


def main(name: str, message: str) -> None:
    """Write `versions/SCHEMA/NUMBER_message.py`."""
    schema = next(s for s in SCHEMAS if s.name == name)
    versions = HERE / "versions" / name
    versions.mkdir(parents=True, exist_ok=True)

    def compare(connection: Connection) -> None:
        enter(schema, connection)
        number = f"{len(list(versions.glob('*.py'))) + 1:04d}"
        config = config_for(schema, connection, compare=True)
        command.revision(config, message=message, autogenerate=True, rev_id=number, version_path=str(versions))

    async def write(database_url: str) -> None:
        async with transaction(database_url) as c:
            await c.run_sync(compare)

    with tempfile.TemporaryDirectory() as home, (Path(home) / "log").open("ab") as log:
        server = Postgres(Path(home), {"fsync": "off"}).start(log)
        try:
            migrate(server.url, dict.fromkeys(SERVICES, "unused"))
            asyncio.run(write(server.url))
        finally:
            server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
