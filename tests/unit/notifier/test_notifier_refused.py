"""A move that could not be made where a message was read."""

import logging
from typing import Any, cast

import pytest

from services.notifier.core.routing import Setup
from services.notifier.handler import NotifierHandler
from shared.log.protocol import Record
from shared.messages import envelope
from shared.messages.actions import ItemChanged
from shared.worker.handler import Incoming
from tests.support.notifier import NOW


async def test_it_changes_nothing_that_was_told_and_is_said_to_whoever_operates(
    caplog: pytest.LogCaptureFixture,
) -> None:
    woken: list[str] = []
    handler = NotifierHandler(
        Setup(), lambda *transports: woken.extend(transports), lambda transport, new: woken.append(transport)
    )
    said = ItemChanged(
        item_id="act-1", state="done", actor="ana", words="done", refused="It is done.", action_id="act-1"
    )
    event = envelope.wrap(said, id="1", source="test", type="item.changed", subject="northwind", time=NOW)
    record = Record("keepwell.actions", 0, 1, NOW, "northwind", b"", {})
    nothing = cast(Any, None)
    with caplog.at_level(logging.INFO):
        await handler.handle(nothing, 0, [Incoming(record, event, said)], NOW, behind=False)
    handler.committed(0)
    assert woken == []
    assert caplog.messages == ["ana can't have what they asked for with act-1: It is done."]
