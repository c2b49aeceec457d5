"""The machines' tables as SQL, so that a statement over many deliveries moves each as `MOVES` says, or not at all."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, null

from services.notifier.core import delivery, lease
from services.notifier.tables import deliveries

NOW: Final = bindparam("now", type_=deliveries.c.due_at.type)
# As `lease.standing` has it.
_STANDING: Final = case((deliveries.c.lease.is_(None), "free"), (deliveries.c.due_at > NOW, "held"), else_="lapsed")


def moved(event: delivery.Event | ColumnElement[str]) -> ColumnElement[Any]:
    """The state that an event, or each row's own event, takes a delivery to; NULL where it can't happen."""
    state = deliveries.c.state
    if isinstance(event, ColumnElement):
        moves = [(and_(state == before, event == name), after) for (before, name), after in delivery.MOVES.items()]
    else:
        moves = [(state == before, after) for (before, name), after in delivery.MOVES.items() if name == event]
    return case(*moves, else_=null())


def can(event: delivery.Event | ColumnElement[str]) -> ColumnElement[bool]:
    """Whether it can happen to the delivery as it stands."""
    return moved(event).is_not(None)


def lease_can(event: lease.Event) -> ColumnElement[bool]:
    """Whether it can happen to the delivery's lease, as it stands at the parameter `now`."""
    return _STANDING.in_([before for before, name in lease.MOVES if name == event])
