"""Brings a database up to date: `python -m deploy.migrations.run`, or `migrate(database_url)`.

Everything happens in one transaction, under a lock: two that start at once do the work once, and a failure leaves the
database as it was.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from deploy.migrations.schemas import SCHEMAS, Schema
from shared.pg.pool import async_url
from shared.settings import Settings, SettingsError

HERE = Path(__file__).parent
_LOCK = 0x6B65657077  # "keepw"; any number that nobody else uses

_MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- made for another database of this server just now
END $$
"""
_JOIN_ROLE = """
DO $$ BEGIN
    IF NOT pg_has_role(current_user, '{role}', 'SET') THEN GRANT {role} TO current_user; END IF;
END $$
"""
_MAKE_SCHEMA = "CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {role}"


def migrate(database_url: str) -> None:
    """Create or update every schema, role and table. Safe to call again, and at the same time from elsewhere."""
    asyncio.run(in_transaction(database_url, _upgrade_all))


def config_for(schema: Schema, connection: Connection, **attributes: Any) -> Config:
    """Alembic's configuration for one schema; there is no ini file."""
    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / "versions" / schema.name))
    config.attributes.update(schema=schema, connection=connection, **attributes)
    return config


def enter(schema: Schema, connection: Connection) -> None:
    """From here to the end of the transaction, act as the schema's role, in the schema."""
    connection.execute(text(f"SET LOCAL ROLE {schema.role}"))
    connection.execute(text(f"SET LOCAL search_path TO {schema.name}"))


def _upgrade_all(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    for schema in SCHEMAS:
        for statement in (_MAKE_ROLE, _JOIN_ROLE, _MAKE_SCHEMA):
            connection.execute(text(statement.format(name=schema.name, role=schema.role)))
    for schema in SCHEMAS:
        enter(schema, connection)
        if any((HERE / "versions" / schema.name).glob("*.py")):
            command.upgrade(config_for(schema, connection), "head")
        _grant(schema, connection)
        connection.execute(text("RESET ROLE"))


def _grant(schema: Schema, connection: Connection) -> None:
    for service in {*schema.readers, *schema.writers}:
        rights = "SELECT, INSERT, UPDATE, DELETE" if service in schema.writers else "SELECT"
        for statement in (
            f"GRANT USAGE ON SCHEMA {schema.name} TO keepwell_{service}",
            f"GRANT {rights} ON ALL TABLES IN SCHEMA {schema.name} TO keepwell_{service}",
        ):
            connection.execute(text(statement))


async def in_transaction(database_url: str, work: Callable[[Connection], None]) -> None:
    """Do `work` in one transaction, committed at its end."""
    # Migrations wait for their locks; only the connection itself must come up soon.
    engine = create_async_engine(async_url(database_url), poolclass=NullPool, connect_args={"timeout": 10})
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def main() -> int:
    """Migrate the database of `KEEPWELL_DATABASE_URL`."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        url = Settings.load().database_url
        if url is None:
            raise SettingsError("KEEPWELL_DATABASE_URL is not set; it names the database to migrate.")
        migrate(url.get_secret_value())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
    except (OSError, DBAPIError) as error:
        sys.stderr.write(f"The database can't be migrated: {error.__cause__ or error}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
