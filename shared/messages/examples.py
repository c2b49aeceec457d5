"""A message of each type as it travels, in `examples.json`: for the OpenAPI and the AsyncAPI documents alike."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

_FILE: Final = Path(__file__).with_suffix(".json")


@cache
def examples() -> dict[str, dict[str, Any]]:
    """By their types."""
    return msgspec.json.decode(_FILE.read_bytes(), type=dict[str, dict[str, Any]])


def plain_example(type: str) -> dict[str, Any]:
    """One as a sender posts it, in the plain form, without a time: it happened now."""
    message = examples()[type]
    return {"id": message["id"], "type": type, "account": message["subject"], "data": message["data"]}
