"""Sends the sample company's events."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from deploy.cli.client import Keepwell, Refused
from deploy.cli.send import Line, deliver


def send_all(
    keepwell: Keepwell,
    events: Sequence[dict[str, Any]],
    import_id: str | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> None:
    """Send events, as history of an import or live. Raises `Refused` when any is not taken."""
    marked = {} if import_id is None else {"history": import_id}
    lines = (
        Line(number, msgspec.json.encode({**event, **marked}), cloudevent=False)
        for number, event in enumerate(events, start=1)
    )
    outcome = deliver(keepwell, lines, done=done)
    if outcome.refused:
        words = f"{len(outcome.refused)} events of the sample company were refused: {outcome.refused[0].message}"
        raise Refused(400, "refused", words)
