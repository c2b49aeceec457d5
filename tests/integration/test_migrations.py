import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy import SERVICES
from deploy.local.postgres import Postgres
from deploy.migrations.run import enter, migrate, transaction
from deploy.migrations.schemas import SCHEMAS, Schema
from shared.pg.pool import make_engine
from shared.settings import SettingsError
from tests.support.logins import PASSWORDS, as_service

each_schema = pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
each_service = pytest.mark.parametrize("service", SERVICES)

# Alembic compares neither the conditions of indexes and checks, nor identities, nor storage settings.
_ALL_OF_A_SCHEMA = """
    SELECT 'column', c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attnotnull THEN 'NOT NULL' END, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
           a.attstorage, a.attcompression)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = '{name}'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'index', indexname, replace(indexdef, '{name}.', '') FROM pg_indexes WHERE schemaname = '{name}'
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, replace(pg_get_constraintdef(oid), '{name}.', '')
    FROM pg_constraint WHERE connamespace = '{name}'::regnamespace
    UNION ALL
    SELECT 'table', relname, concat_ws(' ', relkind, relpersistence, reloptions::text)
    FROM pg_class WHERE relnamespace = '{name}'::regnamespace AND relkind <> 'i'
"""


@each_schema
async def test_alembic_finds_no_difference_between_the_versions_and_the_code(database_url: str, schema: Schema) -> None:
    def differences(connection: Connection) -> list[Any]:
        enter(schema, connection)
        connection.dialect.default_schema_name = schema.name
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata()))

    async with transaction(database_url) as c:
        assert await c.run_sync(differences) == []


@each_schema
async def test_the_versions_make_exactly_what_the_code_would(database_url: str, schema: Schema) -> None:
    def all_of(connection: Connection, name: str) -> set[tuple[str, str, str]]:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {name}")
        rows = connection.exec_driver_sql(_ALL_OF_A_SCHEMA.format(name=name))
        return {(kind, what, how) for kind, what, how in rows if "alembic_version" not in f"{what} {how}"}

    def make(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE SCHEMA made")
        connection.exec_driver_sql("SET LOCAL search_path TO made")
        schema.metadata().create_all(connection)

    async with transaction(database_url) as c:
        await c.run_sync(make)
        migrated, made = [await c.run_sync(all_of, name) for name in (schema.name, "made")]
        await c.rollback()
    assert migrated - made == set(), "only the versions have these"
    assert made - migrated == set(), "only the code has these"


async def test_migrating_again_and_twice_at_once_changes_nothing(database_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        run = asyncio.get_running_loop().run_in_executor
        await asyncio.gather(*(run(threads, migrate, database_url, PASSWORDS) for _ in range(2)))


@each_service
async def test_a_service_reads_the_log_the_keys_and_the_rules_but_no_other_schema(
    database_url: str, service: str
) -> None:
    engine = make_engine(as_service(database_url, service), service)
    try:
        readable = {s.name for s in SCHEMAS if await _does(engine, f"SELECT 1 FROM {_a_table_of(s)} LIMIT 1")}
        writable = {s.name for s in SCHEMAS if await _does(engine, f"DELETE FROM {_a_table_of(s)}")}
    finally:
        await engine.dispose()
    assert readable == {"access", "log", "rules", service}
    assert writable == {"log", "rules", service, *{"ingest": ["access"]}.get(service, [])}


@each_service
async def test_a_service_is_nobody_in_the_server_besides(database_url: str, service: str) -> None:
    engine = make_engine(as_service(database_url, service), service)
    try:
        async with engine.connect() as c:
            rights = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
            asked = f"SELECT session_user, current_user, {rights} FROM pg_roles WHERE rolname = session_user"
            assert (await c.execute(text(asked))).one() == (f"keepwell_{service}", f"keepwell_{service}", False)
            joined = "SELECT count(*) FROM pg_auth_members WHERE member = CAST(session_user AS regrole)"
            assert (await c.execute(text(joined))).scalar_one() == 0
        for refused in (
            "CREATE ROLE keepwell_intruder",
            "SET ROLE keepwell",
            f"SET ROLE keepwell_{'ingest' if service != 'ingest' else 'scoring'}",
            "SET SESSION AUTHORIZATION keepwell",
            "CREATE TABLE mine (id int)",
            "CREATE SCHEMA mine",
            f"DROP TABLE {service}.outbox",
            f"ALTER TABLE {service}.outbox ADD COLUMN mine int",
            f"TRUNCATE {service}.outbox",
            "SELECT rolpassword FROM pg_authid",
            "COPY (SELECT 1) TO PROGRAM 'cat'",
        ):
            assert not await _does(engine, refused), refused
    finally:
        await engine.dispose()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Postgres]:
    """A server that no Keepwell has used, with a database for `humble`, who may make no roles."""
    server = Postgres(tmp_path, {"fsync": "off"})
    server.start()
    for statement in ("CREATE ROLE humble LOGIN PASSWORD 'humble'", "CREATE DATABASE customers OWNER humble"):
        server.query(statement, database="postgres")
    yield server
    server.stop()


async def test_on_a_server_of_ones_own_an_owner_without_rights_is_told_the_sql(own_server: Postgres) -> None:
    humble = f"postgresql://humble:humble@127.0.0.1:{own_server.port}/customers"
    with pytest.raises(SettingsError, match="Somebody who may has to run") as told:
        await asyncio.to_thread(migrate, humble, PASSWORDS)
    statements = str(told.value).rpartition("has to run:\n")[2]
    assert statements.count("CREATE ROLE keepwell_") == len(SERVICES)
    assert not any(password in str(told.value) for password in PASSWORDS.values())
    own_server.query(statements)
    await asyncio.to_thread(migrate, humble, PASSWORDS)
    engine = make_engine(as_service(humble, "scoring"), "scoring")
    assert await _does(engine, "SELECT 1 FROM scoring.outbox")
    await engine.dispose()

    with pytest.raises(SettingsError) as refused:
        await asyncio.to_thread(migrate, humble, PASSWORDS | {"scoring": "another"})
    assert "ALTER ROLE keepwell_scoring LOGIN PASSWORD 'SCRAM-SHA-256$" in str(refused.value)
    assert "keepwell_ingest" not in str(refused.value), "it can log in"


async def test_an_owner_who_may_make_roles_and_is_no_superuser_makes_them(own_server: Postgres) -> None:
    own_server.query("ALTER ROLE humble CREATEROLE")
    humble = f"postgresql://humble:humble@127.0.0.1:{own_server.port}/customers"
    await asyncio.to_thread(migrate, humble, PASSWORDS)
    engine = make_engine(as_service(humble, "notifier"), "notifier")
    assert await _does(engine, "SELECT 1 FROM notifier.outbox")
    assert not await _does(engine, "SELECT 1 FROM scoring.outbox")
    await engine.dispose()


async def _does(engine: AsyncEngine, statement: str) -> bool:
    async with engine.connect() as c:
        try:
            await c.execute(text(statement))
        except DBAPIError as error:
            if "permission denied" in str(error) or "must be owner" in str(error):
                return False
            raise
        finally:
            await c.rollback()
    return True


def _a_table_of(schema: Schema) -> str:
    return f"{schema.name}.{schema.metadata().sorted_tables[-1].name}"
