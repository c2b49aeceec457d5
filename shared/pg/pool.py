"""Connections that carry a service's schema and the time limits of the house. Whose they are, the URL says."""

from typing import Any, Final

import msgspec
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.settings import SettingsError

STATEMENTS: Final = 300
"""How many statements a connection keeps prepared: more than any service has, so that none pushes out another."""


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def async_url(url: str) -> URL:
    """A PostgreSQL URL as the asyncpg dialect wants it. Raises `SettingsError` without repeating the URL, a secret."""
    try:
        parsed = make_url(url)
    except Exception:
        parsed = None
    if parsed is None or not parsed.drivername.startswith("postgres"):
        raise SettingsError("KEEPWELL_DATABASE_URL must look like postgresql://user:password@host:5432/database.")
    return parsed.set(drivername="postgresql+asyncpg")


def session_settings(schema: str) -> dict[str, str]:
    """What every connection asks for: the service's schema, and limits of 5 s on idling and on locks."""
    return {
        "application_name": f"keepwell-{schema}",
        "search_path": schema,
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": "5000",
        "lock_timeout": "5000",
        "jit": "off",
    }


def make_engine(url: str, schema: str, pool_size: int = 8) -> AsyncEngine:
    """An engine whose connections work in the service's schema."""
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=4,
        # The same few connections do the work while little is asked, and the rest stay cold.
        pool_use_lifo=True,
        pool_timeout=5,
        pool_recycle=1800,
        # Errors go to logs and dead letters; what a statement carried is customers' data.
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=msgspec.json.decode,
        connect_args={
            "server_settings": session_settings(schema),
            "timeout": 5,
            "command_timeout": 30,
            "statement_cache_size": STATEMENTS,
        },
    )
