"""What several endpoints need: accounts that must be there, and intervals of the past."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import queries, views
from services.scoring.core.leaving import LeftBehind
from shared.web.problems import Problem, invalid
from shared.words import date_words

From = Annotated[datetime | None, Query(alias="from", description="Since when.")]
Until = Annotated[datetime | None, Query(alias="to", description="Until when; now, unless it is given.")]


def aware(instant: datetime) -> datetime:
    """An instant in UTC, which is what one without a zone means."""
    if not 1970 < instant.year < 9999:
        words = f"{instant.isoformat()} is beyond what is known here. Ask for an instant from 1971 to 9998."
        raise Problem(400, "invalid_request", words)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def interval(since: datetime | None, until: datetime | None, now: datetime, kept: int) -> tuple[datetime, datetime]:
    """Two instants of the last days that are kept; what lies ahead isn't known yet, and ends now."""
    if since is None:
        raise invalid("query.from", "it is needed where `to` is given")
    start, end = aware(since), min(aware(until), now) if until else now
    if start > end:
        raise invalid("query.from", "it lies after `to`, which is now unless it is given, or later")
    if start < (oldest := now - timedelta(days=kept)):
        raise invalid("query.from", f"what was is kept for {kept} days, since {date_words(oldest)}")
    return start, end


def found(row: Mapping[str, Any] | None, id: str) -> Mapping[str, Any]:
    """An account's row, which must be there."""
    if row is None:
        raise Problem(404, "not_found", f"There is no account {id!r}. GET /v1/accounts?q= finds accounts by name.")
    return row


async def there(c: AsyncConnection, of: object) -> None:
    """Refuse an account's id of which nobody has heard; whatever else chooses accounts passes."""
    if isinstance(of, str):
        found(await queries.one(c, of), of)


def left(row: Mapping[str, Any], behind: Mapping[str, LeftBehind]) -> views.Left | None:
    """How the customer of an account left, where one did."""
    return views.Left.of(row, behind[row["id"]]) if row["id"] in behind else None
