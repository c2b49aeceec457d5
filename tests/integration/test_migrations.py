import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from sqlalchemy import Connection, text

from deploy.migrations.run import config_for, enter, in_transaction, migrate
from deploy.migrations.schemas import SCHEMAS, Schema
from shared.pg.pool import make_engine


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
async def test_the_versions_make_the_tables_that_the_code_has(database_url: str, schema: Schema) -> None:
    def compare(connection: Connection) -> None:
        enter(schema, connection)
        command.check(config_for(schema, connection, compare=True))

    await in_transaction(database_url, compare)


async def test_migrating_again_and_twice_at_once_changes_nothing(database_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(threads, migrate, database_url) for _ in range(2))
        )


@pytest.mark.parametrize("service", ["ingest", "scoring", "playbooks", "notifier"])
async def test_a_service_reads_the_log_and_the_keys_but_no_other_schema(database_url: str, service: str) -> None:
    asked = "SELECT has_schema_privilege(current_user, :schema, 'USAGE')"
    engine = make_engine(database_url, service)
    async with engine.connect() as c:
        may = {s.name: (await c.execute(text(asked), {"schema": s.name})).scalar_one() for s in SCHEMAS}
    await engine.dispose()
    assert {name for name, allowed in may.items() if allowed} == {"access", "log", service}
