"""Logs: one JSON object a line on standard error, with the trace and account that it is about, and never a key."""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

from shared.messages import tracing

_SECRET: Final = re.compile(r"kw_[A-Za-z0-9_-]{8,}|(?<=://)[^/@\s:]*:[^@\s]+(?=@)")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object; what was passed as `extra` becomes fields of its own."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line, with API keys and passwords in URLs masked."""
        trace = tracing.current.get()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace is not None:
            line["trace_id"] = trace.trace_id
        if (account := tracing.account.get()) is not None:
            line["account"] = account
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _SECRET.sub("***", msgspec.json.encode(line, enc_hook=str).decode())


def configure(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every logger of this process to standard error (or `stream`) as JSON lines. Called by main.py alone."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "fastapi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    # They tell of every request and connection; ours say what matters.
    for name in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # In an outage it says the same thirty times a second; what matters of it comes to us as errors.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
