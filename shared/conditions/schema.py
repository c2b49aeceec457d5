"""A JSON Schema of conditions, so that editors complete facts and underline mistakes while a file is written."""

import re
from typing import Any

from shared.conditions.scope import Scope

_OPEN = (r"account\.traits\.[\w-]+", r"event\.[\w.-]+")
"""Names that only the file, or its event type, can tell."""


def condition_schema(ref: str = "#/$defs/condition", scope: Scope | None = None) -> dict[str, Any]:
    """The definition of a condition, to be put where `ref` points. What it lets pass, `parse` still checks."""
    facts = (scope or Scope()).facts
    names = "|".join([*(re.escape(name).replace(r"\-", "-") for name in facts), *_OPEN])
    instants = "|".join([*(re.escape(name) for name, spec in facts.items() if spec.type == "instant"), *_OPEN])
    parts = {"type": "array", "items": {"$ref": ref}, "minItems": 1}
    leaf = {
        "type": "string",
        "pattern": rf"^\s*(days_(since|until)\s+({instants})|({names}))\s*($|[<>=!]|in\s|not\s|is\s|contains\s)",
        "description": "FACT OPERATOR VALUE. Facts: "
        + "; ".join(f"{spec.name}{f' ({spec.unit})' if spec.unit else ''}" for spec in facts.values()),
        "examples": ["usage.breadth < 40 %", "account.plan in [pro, enterprise]", "days_until account.renews_at <= 90"],
    }
    branches = [
        {"type": "object", "properties": {key: shape}, "required": [key], "additionalProperties": False}
        for key, shape in (("all", parts), ("any", parts), ("not", {"$ref": ref}))
    ]
    return {"description": "A condition; a list means all.", "anyOf": [leaf, parts, *branches]}
