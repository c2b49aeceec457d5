"""What deliveries tell, as rows: composed as one message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.notifier.core.contacts import reach_of
from services.notifier.core.message import Message
from services.notifier.core.roads import with_detours
from services.notifier.core.standing import Stands
from services.notifier.core.together import compose_group
from shared.messages.actions import ActionRequested

decode: Final = msgspec.json.Decoder(ActionRequested).decode
"""What a delivery tells."""


def compose_rows(rows: Sequence[Any], now: datetime) -> Message:
    """What these deliveries tell together as of now; a row has `action`, `shared`, `contact`, `detour`, and how its
    items stand.

    That is told where they could be moved: a word about something that somebody else has is no more than that.
    """
    actions = [decode(row.action) for row in rows]
    pairs = list(zip(actions, rows, strict=True))
    message = compose_group(
        actions,
        now,
        shared=rows[0].shared,
        reach={action.action_id: reach_of(row.contact) for action, row in pairs},
        stands={one.action_id: Stands(row.item_stands, row.task_stands) for one, row in pairs if one.item_id},
    )
    return with_detours(message, [row.detour for row in rows])
