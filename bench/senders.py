"""What ingest costs by the doors of other tools' clients, beside the plain list that it takes at `/v1/events`.

All post in turns to one process on a core of its own, which answers when Kafka has confirmed; what counts is the
processor time of that process.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench import bare
from bench.flames import lit
from bench.house import house
from bench.ingest import ingesting
from bench.machine import cpu
from bench.report import Row
from bench.throughput import account_of, use
from tests.support.stack import KEY

_BATCH: Final = 100
_BATCHED: Final = 20_000
_SINGLE: Final = 2_000
"""Events a round: in batches, and one by one."""
_AT_ONCE: Final = 16
"""Requests with one event that wait at the same time: many processes send these, each its own."""
_WARM: Final = 20
"""Bodies, before the first round."""

Made = Callable[[list[str], str], bytes]
"""The body for events of these numbers (each another one's, in all rounds), at a time."""


class Way(NamedTuple):
    """A door, and what is posted there."""

    name: str
    path: str
    made: Made
    size: int = _BATCH
    media: str = "application/json"
    target: str = ""

    def bodies(self, label: str) -> Iterator[bytes]:
        """Those of a round, which its label tells from all others."""
        now, events = datetime.now(UTC).isoformat(), _BATCHED if self.size > 1 else _SINGLE
        for first in range(0, events, self.size):
            yield self.made([f"{label}-{i}" for i in range(first, first + self.size)], now)


def _number(id: str) -> int:
    return int(id.rpartition("-")[2])


def _plain(ids: list[str], now: str) -> bytes:
    return json.dumps([use(_number(id), now, id) for id in ids]).encode()


def _track(id: str, now: str, *, named: bool = True) -> dict[str, Any]:
    """As Segment's client for Node writes it."""
    library, i = {"name": "@segment/analytics-node", "version": "3.1.0"}, _number(id)
    account = account_of(i)
    return {
        "timestamp": now,
        "integrations": {},
        "event": f"feature-{i % 12}",
        "type": "track",
        "properties": {"format": "pdf"},
        "context": {"groupId": account, "library": library} if named else {"library": library},
        "userId": f"{account}-user",
        "messageId": f"node-next-{id}",
        "_metadata": {"nodeVersion": "v20.20.2", "jsRuntime": "node"},
    }


def _batch(ids: list[str], now: str) -> bytes:
    return json.dumps({"batch": [_track(id, now) for id in ids], "writeKey": KEY, "sentAt": now}).encode()


def _unnamed(ids: list[str], now: str) -> bytes:
    batch = [_track(id, now, named=False) for id in ids]
    return json.dumps({"batch": batch, "writeKey": KEY, "sentAt": now}).encode()


def _single(ids: list[str], now: str) -> bytes:
    (id,) = ids
    return json.dumps({**_track(id, now), "sentAt": now}).encode()


def _capture(id: str, now: str) -> dict[str, Any]:
    """As PostHog's client for Python writes it."""
    i = _number(id)
    properties = {"format": "pdf", "$python_runtime": "CPython", "$python_version": "3.11.7", "$os": "Linux"}
    properties |= {"$lib": "posthog-python", "$lib_version": "7.91.1"}
    return {
        "properties": {**properties, "$groups": {"company": account_of(i)}, "$geoip_disable": True, "$is_server": True},
        "timestamp": now,
        "distinct_id": f"{account_of(i)}-user",
        "event": f"feature-{i % 12}",
        "uuid": id,
    }


def _captured(ids: list[str], now: str) -> bytes:
    body = {"batch": [_capture(id, now) for id in ids], "historical_migration": False, "sent_at": now, "api_key": KEY}
    return json.dumps(body).encode()


def _spans(ids: list[str], now: str) -> bytes:
    request, began = ExportTraceServiceRequest(), int(datetime.fromisoformat(now).timestamp() * 1e9)
    spans = request.resource_spans.add().scope_spans.add().spans
    for id in ids:
        i = _number(id)
        carried = {"account.id": account_of(i), "enduser.id": f"{account_of(i)}-user", "http.request.method": "GET"}
        spans.append(
            Span(
                trace_id=id.encode().rjust(16)[-16:],
                span_id=(i + 1).to_bytes(8, "big"),
                name=f"feature-{i % 12}",
                kind=Span.SPAN_KIND_SERVER,
                start_time_unix_nano=began,
                attributes=[KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in carried.items()],
            )
        )
    return bytes(request.SerializeToString())


_PLAIN: Final = Way("plain list", "/v1/events", _plain)
_WAYS: Final = (
    _PLAIN,
    Way("Segment, account named", "/v1/batch", _batch, target=">= 60 %"),
    Way("Segment, by the user", "/v1/batch", _unnamed),
    Way("PostHog, account named", "/batch/", _captured, target=">= 60 %"),
    Way("OpenTelemetry spans", "/v1/otlp/v1/traces", _spans, media="application/x-protobuf"),
    Way("plain, one a request", "/v1/events", _plain, 1, target=">= 2,000/s"),
    Way("Segment, one a request", "/v1/track", _single, 1, target=">= 2,000/s"),
)


def measure(home: Path, rounds: int, flames: Path | None = None) -> list[Row]:
    """Post by each way in turns."""
    with house(home) as made, ExitStack() as entered:
        stack = entered.enter_context(ingesting(made))
        (pid,) = stack.pids()
        _know_users(stack.url("ingest", "/v1/batch"))
        for way in _WAYS:
            _post(stack.url("ingest", way.path), way, list(way.bodies("warm"))[:_WARM])
        if flames is not None:
            entered.enter_context(lit(pid, flames, "senders"))
        took: dict[str, list[float]] = {way.name: [] for way in _WAYS}
        for number in range(rounds):
            for way in _WAYS:
                posted = list(way.bodies(f"round-{number}"))
                before = cpu([pid])
                _post(stack.url("ingest", way.path), way, posted)
                took[way.name].append((cpu([pid]) - before) / (len(posted) * way.size))
        # Their doors answer that all is well where each record was refused.
        refused = stack.get("ingest", "/v1/refused", limit=1)["items"]
        assert not refused, refused
    return [row for way in _WAYS for row in _rows(way, took)]


def _post(url: str, way: Way, posted: list[bytes]) -> None:
    asyncio.run(bare.post(url, posted, way.media, _AT_ONCE if way.size == 1 else bare.POSTERS))


def _know_users(url: str) -> None:
    """Say where each user is, for those events that name no account."""
    now = datetime.now(UTC).isoformat()
    groups = [
        {
            "type": "group",
            "userId": f"{account_of(i)}-user",
            "groupId": account_of(i),
            "traits": {"name": f"Company {i}"},
            "messageId": f"group-{i}",
            "timestamp": now,
        }
        for i in range(1_000)
    ]
    batches = [groups[first : first + _BATCH] for first in range(0, len(groups), _BATCH)]
    asyncio.run(bare.post(url, [json.dumps({"batch": some, "sentAt": now}).encode() for some in batches]))


def _rows(way: Way, took: dict[str, list[float]]) -> list[Row]:
    """Of singles what a core takes; of batches their share of the plain list's events, too."""
    each = median(took[way.name])
    where, unit = f"ingest, {way.size} a POST", "requests" if way.size == 1 else "events"
    figure, beside = f"{1 / each:,.0f}/s", f"{1e6 * each:.1f} µs each"
    if way.size == 1 or way is _PLAIN:
        return [Row(where, f"{way.name}: {unit} that a core takes", figure, way.target, beside)]
    shares = [plain / theirs for plain, theirs in zip(took[_PLAIN.name], took[way.name], strict=True)]
    said = f"{median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"
    return [
        Row(where, f"{way.name}: {unit} that a core takes", figure, "", beside),
        Row(where, "... of the plain list's", said, way.target),
    ]
