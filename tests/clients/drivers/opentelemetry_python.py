"""opentelemetry-sdk with the exporter for OTLP over HTTP: spans of requests, and some log records."""

import logging
import os
import time

from common import HOST, KEY, NAME, end, failed, flushed, uses

os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"{HOST}/v1/otlp"
os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer%20{KEY}"
os.environ["OTEL_SERVICE_NAME"] = NAME

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind


class Failed(logging.Handler):
    """What the exporter says when it drops a batch; there is no other way to hear of it."""

    def emit(self, record):
        failed(record.getMessage())


logging.getLogger("opentelemetry").addHandler(Failed(logging.ERROR))
traces, logs = TracerProvider(), LoggerProvider()
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
tracer, logger = traces.get_tracer("shop"), logs.get_logger("shop")


def flush():
    traces.force_flush()
    logs.force_flush()


flushed.append(flush)
for n, use in enumerate(uses(100)):
    attributes = {"account.id": use.account, "enduser.id": use.user}
    if n % 10:
        # What happens inside a request is no use of its own.
        request = tracer.start_as_current_span(use.feature, kind=SpanKind.SERVER, attributes=attributes)
        with request, tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
            pass
    else:
        record = LogRecord(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.INFO,
            body=f"{use.feature} by {use.user}",
            attributes=attributes,
            event_name=use.feature,
        )
        logger.emit(record)
flush()
traces.shutdown()
logs.shutdown()
end()
