"""The SQL of the HTTP face: accounts, the ledger, answers."""

# ruff: noqa: S608 - nothing in these statements comes from outside

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.core.clock import micros
from services.scoring.core.nps import Answer

Sort = Literal["score", "-score", "mrr", "-mrr", "renews_at", "-renews_at"]
By = Literal["plan", "segment", "owner", "touchpoint", "product", "month"]
Chosen = Mapping[str, str | bool | None]

_RENEWS = "extract(epoch FROM renews_at)::float8"
_SORTS: Final[Mapping[Sort, tuple[str, str, str, type]]] = {
    # What is not known comes last, whichever way round.
    "score": ("coalesce(score, 1000000)", ">", "int", int),
    "-score": ("coalesce(score, -1)", "<", "int", int),
    "mrr": ("coalesce(mrr_minor, 9223372036854775807)", ">", "bigint", int),
    "-mrr": ("coalesce(mrr_minor, -9223372036854775808)", "<", "bigint", int),
    "renews_at": (f"coalesce({_RENEWS}, 1e18)", ">", "float8", float),
    "-renews_at": (f"coalesce({_RENEWS}, -1e18)", "<", "float8", float),
}
_COLUMNS: Final = """id, name, plan, segment, stage, owner, mrr_minor, currency, seats, renews_at, score,
    churned_at, previous_score, coalesce(band, 'unknown') AS band, coalesce(coverage, 0) AS coverage,
    coalesce(reason, '') AS reason, assessed_at, rev, scorecard, imports"""
_CHOSEN: Final = """NOT gone AND (:churned OR churned_at IS NULL)
    AND (CAST(:band AS text) IS NULL OR coalesce(band, 'unknown') = :band)
    AND (CAST(:owner AS text) IS NULL OR owner = :owner)
    AND (CAST(:plan AS text) IS NULL OR plan = :plan)
    AND (CAST(:segment AS text) IS NULL OR segment = :segment)
    AND (CAST(:stage AS text) IS NULL OR stage = :stage)
    AND (CAST(:q AS text) IS NULL OR strpos(lower(concat_ws(' ', name, id)), lower(:q)) > 0)"""
_BY_BAND = text(
    f"""
    SELECT currency, coalesce(band, 'unknown') AS band, count(*) AS accounts,
        coalesce(sum(mrr_minor), 0)::bigint AS mrr_minor
    FROM accounts WHERE {_CHOSEN} GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2
    """
)


def _listed(sort: Sort) -> Any:
    key, sign, type, _ = _SORTS[sort]
    way = "ASC" if sign == ">" else "DESC"
    return text(
        f"""
        SELECT {_COLUMNS}, {key} AS sort_key FROM accounts
        WHERE {_CHOSEN}
          AND (CAST(:after_id AS text) IS NULL
               OR ({key}, id) {sign} (CAST(:after_key AS {type}), CAST(:after_id AS text)))
        ORDER BY {key} {way}, id {way} LIMIT :most
        """
    )


_LISTED: Final = {sort: _listed(sort) for sort in _SORTS}


def key_type(sort: Sort) -> type:
    """The type of a sort key, as cursors carry it."""
    return _SORTS[sort][3]


async def listed(
    c: AsyncConnection, chosen: Chosen, sort: Sort, after: tuple[Any, str] | None, most: int
) -> Sequence[RowMapping]:
    """Accounts that are chosen, in order; `sort_key` and `id` make the cursor."""
    key, id = after or (None, None)
    found = await c.execute(_LISTED[sort], {**chosen, "after_key": key, "after_id": id, "most": most})
    return found.mappings().all()


async def by_band(c: AsyncConnection, chosen: Chosen) -> Sequence[RowMapping]:
    """How many of the chosen accounts are in each band, and their monthly revenue, by currency."""
    return (await c.execute(_BY_BAND, chosen)).mappings().all()


_ONE = text(f"SELECT {_COLUMNS}, state, decision FROM accounts WHERE id = :id")
_LEDGER = text(
    """
    SELECT rev, at, cause, score, previous_score, band, previous_band, coverage, scorecard, drivers, found_in
    FROM assessments WHERE account_id = :id AND rev < :before
      AND (NOT :moves OR score IS DISTINCT FROM previous_score OR band <> previous_band)
    ORDER BY rev DESC LIMIT :most
    """
)


async def one(c: AsyncConnection, id: str) -> RowMapping | None:
    """An account's row, with what is kept of it."""
    return (await c.execute(_ONE, {"id": id})).mappings().one_or_none()


async def ledger(c: AsyncConnection, id: str, before: int, most: int, moves: bool = False) -> Sequence[RowMapping]:
    """The ledger before a rev, newest first; with `moves`, only what changed the score or the band."""
    return (await c.execute(_LEDGER, {"id": id, "before": before, "most": most, "moves": moves})).mappings().all()


_GROUPS: Final[Mapping[By | None, str]] = {
    None: "NULL",
    "plan": "a.plan",
    "segment": "a.segment",
    "owner": "a.owner",
    "touchpoint": "n.touchpoint",
    "product": "n.product",
    "month": "to_char(n.at AT TIME ZONE 'UTC', 'YYYY-MM')",
}
_ANSWERS: Final = {
    by: text(
        f"""
        SELECT n.account_id, n.contact_id, n.role, n.score, n.at, n.source, n.id, coalesce({group}, '') AS grouped
        FROM answers n JOIN accounts a ON a.id = n.account_id
        WHERE n.kind = 'nps' AND n.survey_kind = :kind AND n.at >= :since AND n.at < :until AND NOT a.gone
        """
    )
    for by, group in _GROUPS.items()
}


async def nps_answers(c: AsyncConnection, by: By | None, kind: str, since: datetime, until: datetime) -> list[Answer]:
    """NPS answers in a window, each with its group."""
    found = await c.execute(_ANSWERS[by], {"kind": kind, "since": since, "until": until})
    return [
        Answer(row.account_id, row.contact_id, row.role, row.score, micros(row.at), row.source, row.id, row.grouped)
        for row in found
    ]


_STATUS = text(
    """
    SELECT (SELECT count(*) FROM accounts WHERE NOT gone) AS accounts,
           (SELECT count(*) FROM accounts WHERE marked_at IS NOT NULL) AS waiting,
           (SELECT count(*) FROM accounts WHERE imports <> '{}'::text[]) AS in_imports
    """
)


async def status(c: AsyncConnection) -> dict[str, Any]:
    """What scoring adds to its status: accounts, those that wait to be assessed, those in an open import."""
    return dict((await c.execute(_STATUS)).mappings().one())
