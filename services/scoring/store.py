"""The SQL of accounts: their states, what was decided, the ledger; one statement a table and batch."""

# ruff: noqa: S608 - nothing in these statements comes from outside

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.core.assess import Decision
from services.scoring.core.clock import instant_of
from services.scoring.core.profile import Profile
from shared.messages.assessments import AccountAssessed


class Kept(NamedTuple):
    """An account as its row keeps it."""

    id: str
    state: bytes
    decision: bytes | None
    imports: list[str]
    marked_at: datetime | None
    found_in: str | None
    act_on_found: bool
    rescore: bool


_LOAD = text(
    "SELECT id, state, decision, imports, marked_at, found_in, act_on_found, rescore FROM accounts "
    "WHERE id = ANY(CAST(:ids AS text[]))"
)


async def load_accounts(c: AsyncConnection, ids: Collection[str]) -> list[Kept]:
    """The rows of these accounts, where there are any."""
    return [Kept(*row) for row in await c.execute(_LOAD, {"ids": list(ids)})]


_SAVE_STATES = text(
    """
    INSERT INTO accounts AS a (id, partition, state, imports, marked_at, found_in, act_on_found, rescore)
    SELECT s.id, :partition, s.state, string_to_array(s.imports, chr(31)), s.marked_at, s.found_in, s.act_on_found,
        s.rescore
    FROM unnest(CAST(:ids AS text[]), CAST(:states AS bytea[]), CAST(:imports AS text[]),
        CAST(:marked AS timestamptz[]), CAST(:found AS text[]), CAST(:act AS boolean[]), CAST(:rescore AS boolean[]))
        AS s(id, state, imports, marked_at, found_in, act_on_found, rescore)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, imports = excluded.imports,
        marked_at = excluded.marked_at, found_in = excluded.found_in, act_on_found = excluded.act_on_found,
        rescore = excluded.rescore
    """
)


async def save_states(c: AsyncConnection, partition: int, rows: Sequence[Kept]) -> None:
    """Write accounts' states and what waits for them; new accounts get their rows."""
    if rows:
        await c.execute(
            _SAVE_STATES,
            {
                "partition": partition,
                "ids": [row.id for row in rows],
                "states": [row.state for row in rows],
                # Arrays of arrays must be rectangular: each list travels as one text.
                "imports": ["\x1f".join(row.imports) for row in rows],
                "marked": [row.marked_at for row in rows],
                "found": [row.found_in for row in rows],
                "act": [row.act_on_found for row in rows],
                "rescore": [row.rescore for row in rows],
            },
        )


class Told(NamedTuple):
    """What an assessment leaves on the account's row."""

    id: str
    decision: Decision
    profile: Profile


_TOLD: Mapping[str, str] = {
    "decision": "bytea",
    "gone": "boolean",
    "name": "text",
    "segment": "text",
    "plan": "text",
    "stage": "text",
    "owner": "text",
    "mrr_minor": "bigint",
    "currency": "text",
    "seats": "bigint",
    "renews_at": "timestamptz",
    "churned_at": "timestamptz",
    "score": "int",
    "previous_score": "int",
    "band": "text",
    "coverage": "int",
    "reason": "text",
    "scorecard": "text",
    "rev": "bigint",
    "assessed_at": "timestamptz",
}
_SAVE_TOLD = text(
    f"""
    UPDATE accounts SET {", ".join(f"{name} = t.{name}" for name in _TOLD)}
    FROM unnest(CAST(:id AS text[]), {", ".join(f"CAST(:{name} AS {type}[])" for name, type in _TOLD.items())})
        AS t(id, {", ".join(_TOLD)})
    WHERE accounts.id = t.id
    """
)


async def save_told(c: AsyncConnection, told: Iterable[Told]) -> None:
    """Write what was decided, for the next decision and for lists."""
    rows = [_told_row(one) for one in told]
    if rows:
        await c.execute(_SAVE_TOLD, {name: [row[name] for row in rows] for name in ("id", *_TOLD)})


def _told_row(told: Told) -> dict[str, Any]:
    decision, profile = told.decision, told.profile
    return {
        "id": told.id,
        "decision": msgspec.msgpack.encode(decision),
        "gone": profile.gone is not None,
        "renews_at": None if profile.renews_at is None else instant_of(profile.renews_at),
        "churned_at": None if profile.churned_at is None else instant_of(profile.churned_at),
        "scorecard": decision.card,
        "assessed_at": instant_of(decision.at),
        **{name: getattr(profile, name) for name in _OF_PROFILE},
        **{name: getattr(decision, name) for name in _OF_DECISION},
    }


_OF_PROFILE = ("name", "segment", "plan", "stage", "owner", "mrr_minor", "currency", "seats")
_OF_DECISION = ("score", "previous_score", "band", "coverage", "reason", "rev")

_ADD_TO_LEDGER = text(
    """
    INSERT INTO assessments (account_id, rev, at, cause, contact_id, score, previous_score, band, previous_band,
        coverage, scorecard, drivers, found_in)
    SELECT l.account_id, l.rev, l.at, l.cause::jsonb, l.contact_id, l.score, l.previous_score, l.band, l.previous_band,
        l.coverage, l.scorecard, l.drivers::jsonb, l.found_in
    FROM unnest(CAST(:account_id AS text[]), CAST(:rev AS bigint[]), CAST(:at AS timestamptz[]), CAST(:cause AS text[]),
        CAST(:contact_id AS text[]), CAST(:score AS int[]), CAST(:previous_score AS int[]), CAST(:band AS text[]),
        CAST(:previous_band AS text[]), CAST(:coverage AS int[]), CAST(:scorecard AS text[]), CAST(:drivers AS text[]),
        CAST(:found_in AS text[])) AS l(account_id, rev, at, cause, contact_id, score, previous_score, band,
        previous_band, coverage, scorecard, drivers, found_in)
    """
)
_PLAIN = ("rev", "at", "score", "previous_score", "band", "previous_band", "coverage", "scorecard", "found_in")


async def add_to_ledger(c: AsyncConnection, entries: Sequence[tuple[str, AccountAssessed]]) -> None:
    """Write assessments to the ledger, as (account, assessment)."""
    if not entries:
        return
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for _, one in entries] for name in _PLAIN}
    columns["account_id"] = [account for account, _ in entries]
    columns["contact_id"] = [one.cause.data.get("contact_id") for _, one in entries]
    columns["drivers"] = [msgspec.json.encode(one.drivers).decode() for _, one in entries]
    columns["cause"] = [
        msgspec.json.encode(
            {
                "kind": one.cause.kind,
                "type": one.cause.type,
                "source": one.cause.source,
                "id": one.cause.id,
                "time": one.cause.time,
            }
        ).decode()
        for _, one in entries
    ]
    await c.execute(_ADD_TO_LEDGER, columns)


_MARKED = text(
    "SELECT id, marked_at FROM accounts WHERE partition = :partition AND marked_at IS NOT NULL ORDER BY marked_at, id"
)
_NOTE_RULES = text(
    "INSERT INTO rules (partition, digest) VALUES (:partition, :digest) ON CONFLICT (partition) DO UPDATE "
    "SET digest = excluded.digest WHERE rules.digest <> excluded.digest RETURNING partition"
)
_MARK_RESCORED = text(
    "UPDATE accounts SET marked_at = coalesce(marked_at, :now), rescore = true "
    "WHERE partition = :partition AND decision IS NOT NULL AND NOT gone"
)


async def marked(c: AsyncConnection, partition: int) -> dict[str, datetime]:
    """The accounts of a partition that wait to be assessed, with since when; longest first."""
    return {row.id: row.marked_at for row in await c.execute(_MARKED, {"partition": partition})}


async def mark_rescored(c: AsyncConnection, partition: int, digest: str, now: datetime) -> None:
    """Mark every account of a partition when its rules are not those of last time: which they concern, a look says."""
    if (await c.execute(_NOTE_RULES, {"partition": partition, "digest": digest})).one_or_none() is not None:
        await c.execute(_MARK_RESCORED, {"partition": partition, "now": now})
