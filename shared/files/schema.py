"""JSON Schemas of the files, made from their models, so that editors complete names and underline mistakes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shared.conditions.scope import Scope
from shared.files.models import FileModel

_OPEN = (
    r"account\.traits\.[\w-]+",
    r"usage\.feature\.[\w-]+\.days_\d+",
    r"usage\.limit\.[\w-]+(\.pace)?",
    r"event\.[\w.-]+",
    r"invoice\.[\w-]+",
)
"""Names that only the file, or its event type, can tell."""


class Schema(NamedTuple):
    """The schema of one kind of file."""

    title: str
    model: type[FileModel]

    def made(self) -> dict[str, Any]:
        """The JSON Schema."""
        schema = _with_conditions(self.model.model_json_schema())
        scopes = self.model.scopes(None, None)
        conditions = {name: condition_schema(f"#/$defs/{name}", scope) for name, scope in scopes.items()}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **schema,
            "title": self.title,
            "$defs": {**schema.get("$defs", {}), **conditions},
        }


def write(schemas: Mapping[Path, Schema]) -> None:
    """Write schemas to where editors find them."""
    for path, schema in schemas.items():
        path.write_text(json.dumps(schema.made(), indent=2) + "\n", encoding="utf-8")


def _with_conditions(node: Any) -> Any:
    """With references where models have conditions, which pydantic knows nothing of."""
    if isinstance(node, list):
        return [_with_conditions(one) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("condition"), str):
        return {"$ref": f"#/$defs/{node['condition']}"}
    return {key: _with_conditions(value) for key, value in node.items()}


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
