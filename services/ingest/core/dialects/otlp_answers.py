"""What OpenTelemetry's exporters are answered, in the encoding that they asked in.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from typing import Any, Final

import msgspec
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

_RESPONSES: Final[dict[str, tuple[Any, str, str]]] = {
    "spans": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "log records": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
}


def taken(what: str, rejected: int, why: str, *, as_json: bool) -> bytes:
    """That an export of `spans` or `log records` was taken, all but so many."""
    response, field, name = _RESPONSES[what]
    if as_json:
        partial = {"partialSuccess": {name: str(rejected), "errorMessage": why}} if rejected else {}
        return msgspec.json.encode(partial)
    message = response()
    if rejected:
        setattr(message.partial_success, field, rejected)
        message.partial_success.error_message = why
    answer: bytes = message.SerializeToString()
    return answer


def failed(words: str, *, as_json: bool) -> bytes:
    """A `google.rpc.Status` with what is wrong; its code says nothing that the HTTP status doesn't."""
    if as_json:
        return msgspec.json.encode({"message": words})
    answer: bytes = _Status(message=words).SerializeToString()
    return answer


def _status() -> Any:
    """Its class, from its definition: two fields of it are all that is needed, in a pool that is nobody else's."""
    file = FileDescriptorProto(name="google/rpc/status.proto", package="google.rpc", syntax="proto3")
    status = file.message_type.add(name="Status")
    once = FieldDescriptorProto.LABEL_OPTIONAL
    status.field.add(name="code", number=1, type=FieldDescriptorProto.TYPE_INT32, label=once)
    status.field.add(name="message", number=2, type=FieldDescriptorProto.TYPE_STRING, label=once)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("google.rpc.Status"))


_Status: Final = _status()
