"""What the HTTP edge reads of answers: the rows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.feedback import GROUPS, Group
from services.scoring.queries.over import Over, newest
from shared.web.paging import Paging

_a, _n = t.accounts.c, t.answers.c


NAMES: Final = [group.name for groups in GROUPS.values() for group in groups]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which answers are asked for."""

    kind: Literal["nps", "csat", "ces", "relational", "transactional"] | None = None
    group: Annotated[str | None, Query(description=f"One of {', '.join(NAMES)}.")] = None
    role: str | None = None
    product: str | None = None
    touchpoint: str | None = None
    survey: str | None = None
    contact: str | None = None
    account: str | None = None
    month: Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Such as 2026-05, UTC.")] = None
    comment: Annotated[bool | None, Query(description="Only those with one, or without.")] = None
    moved: Annotated[Literal["up", "down"] | None, Query(description="Into a better group, or a worse.")] = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        own = {_n.role: self.role, _n.product: self.product, _n.touchpoint: self.touchpoint, _n.survey_id: self.survey}
        own |= {_n.contact_id: self.contact, _n.account_id: self.account}
        holds = [~_a.gone, *(column == value for column, value in own.items() if value is not None)]
        if self.kind in GROUPS:
            holds.append(_n.kind == self.kind)
        elif self.kind is not None:
            holds.append(_n.survey_kind == self.kind)
        if self.group is not None:
            holds.append(_in_group(self.group))
        if self.month is not None:
            begin = datetime.fromisoformat(f"{self.month}-01T00:00:00+00:00")
            end = (begin + timedelta(days=32)).replace(day=1)
            holds += [_n.at >= begin, _n.at < end]
        if self.comment is not None:
            holds.append(func.coalesce(_n.comment, "") != "" if self.comment else func.coalesce(_n.comment, "") == "")
        if self.moved is not None:
            holds.append(or_(*(_has_moved(measure, groups, self.moved) for measure, groups in GROUPS.items())))
        return holds


def _in_group(name: str) -> ColumnElement[bool]:
    found = [(measure, group) for measure, groups in GROUPS.items() for group in groups if group.name == name]
    return or_(false(), *(and_(_n.kind == of, _n.score.between(one.least, one.most)) for of, one in found))


def _has_moved(measure: str, groups: Sequence[Group], way: str) -> ColumnElement[bool]:
    """Whether a contact's answer lies on the other side of a bound between groups than the one before."""
    first, then = (_n.previous_score, _n.score) if way == "up" else (_n.score, _n.previous_score)
    bounds = [and_(first < group.least, then >= group.least) for group in groups[:-1]]
    return and_(_n.kind == measure, or_(*bounds))


_SHOWN: Final = [column for column in _n if column.name != "next_at"]
_ORDER: Final = (_n.at, _n.account_id, _n.key)


async def listed(
    c: AsyncConnection, wanted: Wanted, over: Over, paging: Paging
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the answers that are chosen, newest first, and the cursor of the next."""
    return await newest(c, _SHOWN, _ORDER, wanted.where(), over, paging)
