"""The login role of each service: no superuser, no right to make anything, and a password of its own."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from shared.pg.pool import async_url
from shared.settings import SettingsError

_ROUNDS = 4096


def role_of(service: str) -> str:
    """The role as which a service logs in."""
    return f"keepwell_{service}"


async def locked_out(database_url: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Those of the services' passwords that don't open the database: the roles are not there, or have others."""
    url = async_url(database_url).set(drivername="postgresql")
    found = {}
    for service, password in passwords.items():
        own = url.set(username=role_of(service), password=password)
        try:
            await (await asyncpg.connect(own.render_as_string(hide_password=False), timeout=10)).close(timeout=5)
        except asyncpg.InvalidAuthorizationSpecificationError:
            found[service] = password
    return found


def make_roles(connection: Connection, passwords: Mapping[str, str], random: Callable[[int], bytes]) -> None:
    """Make these services' roles. Raises `SettingsError` with the SQL to run, where this login may not.

    A role that is there with another password is somebody's: its password is never changed here. What is told, and
    what the server may write to its log, holds no password, only what the server itself keeps of one.
    """
    there = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
    left = []
    for service, password in passwords.items():
        role = role_of(service)
        options = f"ROLE {role} LOGIN PASSWORD '{verifier(password, random(16))}'"
        if role in there:
            left.append(f"ALTER {options};")
        elif not _done(connection, f"CREATE {options}"):
            left.append(f"CREATE {options};")
    if left:
        raise SettingsError(
            "Services can't log in to the database, and the login of KEEPWELL_DATABASE_URL can't mend it: it may not "
            "make roles, or they are there with passwords that are not those kept below KEEPWELL_HOME. "
            "Somebody who may has to run:\n" + "\n".join(left)
        )


def _done(connection: Connection, statement: str) -> bool:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except ProgrammingError:
        return False
    return True


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): it proves that somebody knows it, and doesn't hold it."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ROUNDS}:{salt64}${stored64}:{server64}"
