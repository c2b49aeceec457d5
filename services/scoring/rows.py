"""The SQL of what grows with an account's people and papers: users, tickets, invoices, survey answers."""

# ruff: noqa: S608 - nothing in these statements comes from outside

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.core.clock import instant_of
from services.scoring.core.state import Invoice, Ticket, encode_row, invoice_of, ticket_of

Papers = Literal["tickets", "invoices"]
_PAIRS = "unnest(CAST(:accounts AS text[]), CAST(:ids AS text[])) AS p(account_id, id)"

_LOAD_USERS = text(
    f"SELECT u.account_id, u.user_id, u.last_day FROM {_PAIRS} "
    "JOIN users u ON (u.account_id, u.user_id) = (p.account_id, p.id)"
)


async def load_users(c: AsyncConnection, pairs: Collection[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """The last active days of these users, as (account, user, day)."""
    rows = await c.execute(_LOAD_USERS, {"accounts": [a for a, _ in pairs], "ids": [u for _, u in pairs]})
    return [(row.account_id, row.user_id, row.last_day) for row in rows]


def _for_papers(sql: str) -> dict[Papers, TextClause]:
    return {"tickets": text(sql.format(table="tickets")), "invoices": text(sql.format(table="invoices"))}


_LOAD_LIVE = _for_papers(
    "SELECT account_id, id, row FROM {table} WHERE account_id = ANY(CAST(:accounts AS text[])) "
    "AND (settled_at IS NULL OR settled_at >= :since)"
)
_LOAD_PAPERS = _for_papers(
    f"SELECT t.account_id, t.id, t.row FROM {_PAIRS} JOIN {{table}} t ON (t.account_id, t.id) = (p.account_id, p.id)"
)
_SAVE_PAPERS = _for_papers(
    """
    INSERT INTO {table} (account_id, id, row, settled_at)
    SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:ids AS text[]), CAST(:rows AS bytea[]),
                         CAST(:settled AS timestamptz[]))
    ON CONFLICT (account_id, id) DO UPDATE SET row = excluded.row, settled_at = excluded.settled_at
    """
)


async def load_live(
    c: AsyncConnection, papers: Papers, accounts: Collection[str], since: datetime
) -> list[tuple[str, str, Any]]:
    """The tickets or invoices of these accounts that are open or were settled since, as (account, id, row)."""
    rows = await c.execute(_LOAD_LIVE[papers], {"accounts": list(accounts), "since": since})
    return [(row.account_id, row.id, _READ[papers](row.row)) for row in rows]


async def load_papers(
    c: AsyncConnection, papers: Papers, pairs: Collection[tuple[str, str]]
) -> list[tuple[str, str, Any]]:
    """These very tickets or invoices, tombstones too."""
    parameters = {"accounts": [account for account, _ in pairs], "ids": [id for _, id in pairs]}
    rows = await c.execute(_LOAD_PAPERS[papers], parameters)
    return [(row.account_id, row.id, _READ[papers](row.row)) for row in rows]


_READ: Mapping[Papers, Any] = {"tickets": ticket_of, "invoices": invoice_of}


async def save_papers(c: AsyncConnection, papers: Papers, rows: Sequence[tuple[str, str, Ticket | Invoice]]) -> None:
    """Write tickets or invoices, as (account, id, row)."""
    if rows:
        await c.execute(
            _SAVE_PAPERS[papers],
            {
                "accounts": [account for account, _, _ in rows],
                "ids": [id for _, id, _ in rows],
                "rows": [encode_row(row) for _, _, row in rows],
                "settled": [None if row.settled is None else instant_of(row.settled) for _, _, row in rows],
            },
        )


_SAVE_USERS = text(
    """
    INSERT INTO users (account_id, user_id, last_day)
    SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:ids AS text[]), CAST(:days AS int[]))
    ON CONFLICT (account_id, user_id) DO UPDATE SET last_day = excluded.last_day
    """
)
_FORGET_USERS = text("DELETE FROM users WHERE account_id = ANY(CAST(:accounts AS text[])) AND last_day < :first")


async def save_users(c: AsyncConnection, users: Sequence[tuple[str, str, int]]) -> None:
    """Write users' last active days, as (account, user, day)."""
    if users:
        accounts, ids, days = zip(*users, strict=True)
        await c.execute(_SAVE_USERS, {"accounts": list(accounts), "ids": list(ids), "days": list(days)})


async def forget_users(c: AsyncConnection, accounts: Collection[str], first: int) -> None:
    """Drop users of these accounts who were last active before a day: no measure looks that far back."""
    await c.execute(_FORGET_USERS, {"accounts": list(accounts), "first": first})


class Answer(NamedTuple):
    """One survey answer."""

    account_id: str
    source: str
    id: str
    kind: str
    survey_kind: str
    contact_id: str
    role: str | None
    score: int
    comment: str | None
    touchpoint: str | None
    survey_id: str | None
    product: str | None
    at: datetime


_ADD_ANSWERS = text(
    f"""
    INSERT INTO answers ({", ".join(Answer._fields)})
    SELECT * FROM unnest({
        ", ".join(
            f"CAST(:{name} AS {'timestamptz' if name == 'at' else 'smallint' if name == 'score' else 'text'}[])"
            for name in Answer._fields
        )
    })
    ON CONFLICT DO NOTHING
    """
)
_SET_ROLES = text(
    """
    UPDATE answers a SET role = p.role
    FROM unnest(CAST(:accounts AS text[]), CAST(:ids AS text[]), CAST(:roles AS text[])) AS p(account_id, id, role)
    WHERE (a.account_id, a.contact_id) = (p.account_id, p.id)
    """
)


async def add_answers(c: AsyncConnection, answers: Sequence[Answer]) -> None:
    """Write survey answers."""
    if answers:
        await c.execute(
            _ADD_ANSWERS,
            {name: list(values) for name, values in zip(Answer._fields, zip(*answers, strict=True), strict=True)},
        )


async def set_roles(c: AsyncConnection, roles: Mapping[tuple[str, str], str]) -> None:
    """Note contacts' roles beside their answers, as (account, contact) to role."""
    if roles:
        await c.execute(
            _SET_ROLES,
            {
                "accounts": [a for a, _ in roles],
                "ids": [contact for _, contact in roles],
                "roles": list(roles.values()),
            },
        )


_ERASE_ANSWERS = text(f"DELETE FROM answers a USING {_PAIRS} WHERE (a.account_id, a.contact_id) = (p.account_id, p.id)")
_ERASE_WORDS = text(
    f"UPDATE assessments a SET drivers = '[]', contact_id = NULL FROM {_PAIRS} "
    "WHERE (a.account_id, a.contact_id) = (p.account_id, p.id)"
)
_ERASE_ACCOUNT = [
    text(f"DELETE FROM {table} WHERE account_id = ANY(CAST(:accounts AS text[]))")
    for table in ("users", "tickets", "invoices", "answers", "assessments")
]


async def erase_contacts(c: AsyncConnection, pairs: Collection[tuple[str, str]]) -> None:
    """Drop what these contacts answered, and the reasons that may quote them, as (account, contact)."""
    if pairs:
        parameters = {"accounts": [account for account, _ in pairs], "ids": [contact for _, contact in pairs]}
        await c.execute(_ERASE_ANSWERS, parameters)
        await c.execute(_ERASE_WORDS, parameters)


async def erase_accounts(c: AsyncConnection, accounts: Collection[str]) -> None:
    """Drop every row of these accounts but the one that says that they are erased."""
    for statement in _ERASE_ACCOUNT if accounts else ():
        await c.execute(statement, {"accounts": list(accounts)})
