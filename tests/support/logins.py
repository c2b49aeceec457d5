"""Each service's own login to a test's database, with a password such as people choose."""

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy import SERVICES
from shared.pg.pool import async_url
from shared.settings import Settings

PASSWORDS = {service: f"p@ss/{service}:100%?#" for service in SERVICES}


def as_service(database_url: str, service: str) -> str:
    """The URL by which a service logs in, made of the owner's."""
    url = f"postgresql://keepwell_{service}@{database_url.rpartition('@')[2]}"
    found = Settings.load(database_url=url, database_password=PASSWORDS[service]).database()
    assert found is not None
    return found


async def as_owner(database_url: str, *statements: str | TextClause, schema: str = "public") -> None:
    """Do what only the owner of the tables may, however long it takes."""
    engine = create_async_engine(async_url(database_url))
    async with engine.begin() as c:
        await c.execute(text(f"SET LOCAL search_path TO {schema}"))
        for statement in statements:
            await c.execute(text(statement) if isinstance(statement, str) else statement)
    await engine.dispose()
