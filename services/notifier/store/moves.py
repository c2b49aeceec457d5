"""The machines' tables as SQL, so that a statement over many deliveries moves each as `MOVES` says, or not at all."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, null

from services.notifier.core import delivery, lease
from services.notifier.tables import deliveries
from shared.pg.bulk import one_of, word

NOW: Final = bindparam("now", type_=deliveries.c.due_at.type)
# As `lease.standing` has it.
_STANDING: Final = case(
    (deliveries.c.lease.is_(None), word("free")), (deliveries.c.due_at > NOW, word("held")), else_=word("lapsed")
)


def moved(event: delivery.Event | ColumnElement[str]) -> ColumnElement[Any]:
    """The state that an event, or each row's own event, takes a delivery to; NULL where it can't happen."""
    state = deliveries.c.state
    moves = [(state == word(before), name, word(after)) for (before, name), after in delivery.MOVES.items()]
    if isinstance(event, ColumnElement):
        return case(*((and_(stands, event == word(name)), after) for stands, name, after in moves), else_=null())
    return case(*((stands, after) for stands, name, after in moves if name == event), else_=null())


def can(event: delivery.Event | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether it can happen to the delivery as it stands."""
    return moved(event).is_not(None)


def lease_can(event: lease.Event) -> ColumnElement[bool]:
    """Whether it can happen to the delivery's lease, as it stands at the parameter `now`."""
    return one_of(_STANDING, (before for before, name in lease.MOVES if name == event))
