"""Brings a database up to date: `python -m deploy.migrations.run`, or `migrate`.

Everything happens in one transaction, under a lock: two that start at once do the work once, and a failure leaves the
database as it was.
"""

import asyncio
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from deploy import SERVICES
from deploy.migrations.roles import locked_out, make_roles, role_of
from deploy.migrations.schemas import SCHEMAS, Schema
from deploy.secrets import keep, password_file
from shared.pg.pool import async_url
from shared.settings import Settings, SettingsError

HERE = Path(__file__).parent
_LOCK = 0x6B65657077  # "keepw"; any number that nobody else uses


def migrate(database_url: str, passwords: Mapping[str, str]) -> None:
    """Create or update every schema and table, and each service's role. Safe to call again, and twice at once.

    `database_url` logs in the owner of the database; `passwords` are those of the services.
    """
    asyncio.run(_migrate(database_url, passwords))


async def _migrate(database_url: str, passwords: Mapping[str, str]) -> None:
    async with transaction(database_url) as c:
        await c.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        missing = await locked_out(database_url, passwords)
        await c.run_sync(make_roles, missing, secrets.token_bytes)
        await c.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    for schema in SCHEMAS:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema.name}")
        enter(schema, connection)
        command.upgrade(config_for(schema, connection), "head")
        _grant(schema, connection)


def config_for(schema: Schema, connection: Connection, **attributes: Any) -> Config:
    """Alembic's configuration for one schema; there is no ini file."""
    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(HERE / "versions" / schema.name))
    config.attributes.update(schema=schema, connection=connection, **attributes)
    return config


def enter(schema: Schema, connection: Connection) -> None:
    """From here to the end of the transaction, work in the schema."""
    connection.exec_driver_sql(f"SET LOCAL search_path TO {schema.name}")


def _grant(schema: Schema, connection: Connection) -> None:
    for service in {*schema.readers, *schema.writers}:
        rights = "SELECT, INSERT, UPDATE, DELETE" if service in schema.writers else "SELECT"
        for what in (
            f"USAGE ON SCHEMA {schema.name}",
            f"{rights} ON ALL TABLES IN SCHEMA {schema.name}",
            f"USAGE ON ALL SEQUENCES IN SCHEMA {schema.name}",
        ):
            connection.exec_driver_sql(f"GRANT {what} TO {role_of(service)}")
    for function, service in schema.asked.items():
        for what in (f"USAGE ON SCHEMA {schema.name}", f"EXECUTE ON FUNCTION {schema.name}.{function}"):
            connection.exec_driver_sql(f"GRANT {what} TO {role_of(service)}")


@asynccontextmanager
async def transaction(database_url: str) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed at its end."""
    # Migrations wait for their locks; only the connection itself must come up soon.
    engine = create_async_engine(async_url(database_url), poolclass=NullPool, connect_args={"timeout": 10})
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def main() -> int:
    """Migrate the database of `KEEPWELL_DATABASE_URL`, with the services' passwords kept below `KEEPWELL_HOME`."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = Settings.load()
        url = settings.database()
        if url is None:
            raise SettingsError("KEEPWELL_DATABASE_URL is not set; it names the database to migrate.")
        migrate(url, {service: keep(password_file(settings.home, service)) for service in SERVICES})
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
    except (OSError, DBAPIError) as error:
        sys.stderr.write(f"The database can't be migrated: {error.__cause__ or error}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
