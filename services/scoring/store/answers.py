"""Rows of surveys: answers and invitations, as batches need, write and forget them."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import and_, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.feedback import GROUPS
from services.scoring.core.fold.people import Erased
from services.scoring.core.memory import Memory
from services.scoring.core.surveys import KEPT, AnswerRow, InvitationRow, Surveys
from shared.messages.stamps import Cell, micros
from shared.pg import bulk
from shared.pg.retention import forgetting, term

_n, _i = t.answers.c, t.invitations.c
_ADD = bulk.Insert(
    t.answers,
    AnswerRow._fields,
    update=AnswerRow._fields[2:],
    where=lambda new: tuple_(_n.at, _n.source, _n.id) < tuple_(new.at, new.source, new.id),
)
_INVITE = bulk.Insert(
    t.invitations,
    InvitationRow._fields,
    update=InvitationRow._fields[2:],
    where=lambda new: tuple_(_i.at, _i.source, _i.id) < tuple_(new.at, new.source, new.id),
)
_OF: Final = ("account_id", "contact_id")
_SET_ROLES: Final = [bulk.Update(table, _OF, ("role",)) for table in (t.answers, t.invitations)]
# The digest that stands for a contact travels as what is their role until then.
_ERASE: Final = (
    bulk.Update(
        t.answers,
        _OF,
        ("role",),
        also=lambda given: {
            "contact_id": given.role,
            "erased": True,
            "role": None,
            "comment": None,
            "further": None,
        },
    ),
    bulk.Update(t.invitations, _OF, ("role",), also=lambda given: {"contact_id": given.role, "role": None}),
)

_people = bulk.given(_n.account_id, _n.contact_id)
_turns: Final[dict[str, Any]] = {
    "partition_by": (_n.account_id, _n.contact_id, _n.kind),
    "order_by": (_n.at, _n.source, _n.id),
}
_turn = (
    select(
        _n.account_id,
        _n.key,
        func.lead(_n.at).over(**_turns).label("next_at"),
        func.lag(_n.score).over(**_turns).label("previous_score"),
    )
    .join(_people, and_(_n.account_id == _people.c.account_id, _n.contact_id == _people.c.contact_id))
    .where(_n.survey_kind == bulk.word("relational"))
    .subquery()
)
_CHAIN = (
    update(t.answers)
    .values(next_at=_turn.c.next_at, previous_score=_turn.c.previous_score)
    .where(
        _n.account_id == _turn.c.account_id,
        _n.key == _turn.c.key,
        or_(
            _n.next_at.is_distinct_from(_turn.c.next_at),
            _n.previous_score.is_distinct_from(_turn.c.previous_score),
        ),
    )
)
_asked = bulk.given(_i.account_id, _i.invitation_id)
_MATCH = (
    update(t.invitations)
    .values(
        {
            measure: select(_n.survey_kind)
            .where(_n.account_id == _i.account_id, _n.key == literal(f"{measure} ") + _i.invitation_id)
            .scalar_subquery()
            for measure in GROUPS
        }
    )
    .where(_i.account_id == _asked.c.account_id, _i.invitation_id == _asked.c.invitation_id)
)
_keys = bulk.given(_n.account_id, _n.key)
_ANSWERED = select(_n.account_id, _n.key, _n.at, _n.source, _n.id, _n.score, _n.survey_kind).join(
    _keys, and_(_n.account_id == _keys.c.account_id, _n.key == _keys.c.key)
)


async def load(c: AsyncConnection, memory: Memory, keys: Collection[tuple[str, str]]) -> None:
    """Have at hand what stands of these invitations' answers, by account and key; the accounts are in memory."""
    if keys:
        found = await c.execute(_ANSWERED, bulk.arrays(("account_id", "key"), keys))
        for account, key, at, source, id, *said in found:
            memory.get(account).account.answered[key] = Cell(micros(at), 0, source, id, said)


def added(surveys: Surveys) -> list[bulk.Write | None]:
    """Write who was asked and what they answered."""
    return [_ADD.of(surveys.answers.values()), _INVITE.of(surveys.invitations.values())]


async def note_people(c: AsyncConnection, surveys: Surveys, erased: Sequence[Erased]) -> None:
    """Write who has another role; of contacts that were erased nothing stays but their scores."""
    for statement in _SET_ROLES:
        await statement(c, [(*pair, role) for pair, role in surveys.roles.items()])
    for statement in _ERASE:
        await statement(c, erased)


def joined(surveys: Surveys) -> list[bulk.Write]:
    """Write of what was added how it stands to what was there."""
    found, answers = list[bulk.Write](), surveys.answers.values()
    if people := sorted({(one.account_id, one.contact_id) for one in answers if one.survey_kind == "relational"}):
        # Of each relational answer: when the next came, and what was said before.
        found.append((_CHAIN, bulk.arrays(_OF, people)))
    invited = {*surveys.invitations, *((one.account_id, one.invitation_id) for one in answers if one.invitation_id)}
    if invited:
        # Of each invitation: whether it was answered. Either may come first.
        found.append((_MATCH, bulk.arrays(("account_id", "invitation_id"), sorted(invited))))
    return found


forget = forgetting(*(term(table, table.c.at, KEPT) for table in (t.answers, t.invitations)))
"""Forgets what was asked and answered 730 days ago."""
