"""What the official clients send, kept as samples in `tests/golden/clients`: a few records of each kind of request.

`python -m tests.support.recorded` writes them anew.
"""

import base64
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.clients import CLIENTS, Client, sending
from tests.support.gates import Answered, Asked

SAMPLES: Final = Path(__file__).parents[1] / "golden" / "clients"
_KEPT: Final = ("accept", "authorization", "content-encoding", "content-type", "user-agent", "x-write-key")
_PROTOBUF: Final = "application/x-protobuf"
_SHOWN: Final = "kw_the-key"


def taken(asked: Asked) -> Answered:
    """The answer that each of them takes for success."""
    if asked.path.startswith("/api/v1/events"):
        return Answered(204, {}, b"")
    if "/otlp/" in asked.path:
        return Answered(200, {"Content-Type": _PROTOBUF}, b"")
    return Answered(200, {"Content-Type": "application/json"}, b'{"success": true}')


def body_of(asked: Asked) -> Any:
    """What a body says: its JSON, or the base64 of others."""
    if asked.headers.get("content-type") == _PROTOBUF:
        return {"base64": base64.b64encode(_shorter(asked.path, asked.unpacked)).decode()}
    return json.loads(asked.unpacked)


def _shorter(path: str, raw: bytes) -> bytes:
    """Two spans or log records."""
    if path.endswith("traces"):
        traces = ExportTraceServiceRequest.FromString(raw)
        for spans in (scope.spans for resource in traces.resource_spans for scope in resource.scope_spans):
            del spans[2:]
        return bytes(traces.SerializeToString())
    logs = ExportLogsServiceRequest.FromString(raw)
    for records in (scope.log_records for resource in logs.resource_logs for scope in resource.scope_logs):
        del records[2:]
    return bytes(logs.SerializeToString())


def samples_of(all_asked: Sequence[Asked], key: str) -> list[dict[str, Any]]:
    """One request of each kind; of a batch, two records of each type."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for asked in all_asked:
        for body in _bodies(body_of(asked)):
            headers = {
                name: value.replace(key, _SHOWN) for name, value in sorted(asked.headers.items()) if name in _KEPT
            }
            headers |= {name: value for name, value in asked.headers.items() if name.startswith("ce-")}
            if "authorization" in headers:
                headers["authorization"] = _shown(headers["authorization"], key)
            sample = {"method": asked.method, "path": asked.path, "headers": headers, "body": body}
            found.setdefault((shape_of(sample)["path"], _kind(body), *sorted(headers)), sample)
    return json.loads(json.dumps([*found.values()]).replace(key, _SHOWN))  # type: ignore[no-any-return]


def _bodies(body: Any) -> list[Any]:
    """A batch for each type of its records, cut to two of them."""
    records = body.get("batch") if isinstance(body, dict) else body
    if not isinstance(records, list):
        return [body]
    kinds = {_kind(record): [one for one in records if _kind(one) == _kind(record)][:2] for record in records}
    return [{**body, "batch": some} if isinstance(body, dict) else some for some in kinds.values()]


def _kind(body: Any) -> str:
    """The type of a record, or of a batch's first."""
    if isinstance(body, list):
        return f"list of {_kind(body[0])}"
    if "batch" in body:
        return f"batch of {_kind(body['batch'][0])}"
    event = body.get("event", "")
    return str(body.get("type", event if event.startswith("$") else "event"))


def _shown(authorization: str, key: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme == "Basic":
        plain = base64.b64decode(value).decode().replace(key, _SHOWN)
        return f"Basic {base64.b64encode(plain.encode()).decode()}"
    return authorization


def shape_of(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What of a request is the same each time: its path, its headers' names, the names in its body."""
    path = re.sub(r"/customers/[^/]+", "/customers/{id}", sample["path"])
    names = sorted(set(_names(sample["body"])))
    return {"method": sample["method"], "path": path, "headers": sorted(sample["headers"]), "names": names}


def _names(value: Any, at: str = "") -> list[str]:
    if isinstance(value, dict):
        return [name for key, one in value.items() for name in _names(one, f"{at}.{key}")]
    if isinstance(value, list):
        return [name for one in value for name in _names(one, f"{at}[]")]
    return [at]


def path_of(client: Client) -> Path:
    """Where a client's samples lie."""
    return SAMPLES / f"{client.name}.json"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, sending(CLIENTS, taken, Path(made)) as all_sent:
        for sent in all_sent:
            sent.run.until_middle()
            sent.run.go_on()
        for sent in all_sent:
            assert not sent.run.failures(), sent.run.client.name
            kept = samples_of([asked for asked, _ in sent.gate.got], sent.key)
            path_of(sent.run.client).write_text(json.dumps(kept, indent=1) + "\n")
