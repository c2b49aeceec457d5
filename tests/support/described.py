"""What an OpenAPI document says of bodies that can be sent: each with its examples."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

SENDING = ("post", "put", "patch")


class Example(NamedTuple):
    """One body as the document shows it; `codes` are the statuses of success that it tells of."""

    method: str
    path: str
    media: str
    name: str
    value: Any
    codes: frozenset[int]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.media} {self.name}".strip()


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of whatever sends something."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in SENDING:
                yield method, path, operation


def examples(document: Mapping[str, Any]) -> Iterator[Example]:
    """All examples of all bodies."""
    for method, path, operation in operations(document):
        codes = frozenset(int(code) for code in operation["responses"] if code.startswith("2"))
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            for name, value in _of_body(content, document):
                yield Example(method, path, media, name, value, codes)


def without_example(document: Mapping[str, Any]) -> list[str]:
    """Bodies of text that have none."""
    have = {(one.method, one.path, one.media) for one in examples(document)}
    return [
        f"{method} {path} {media}"
        for method, path, operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {})
        if ("json" in media or "yaml" in media) and (method, path, media) not in have
    ]


def _of_body(content: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "example" in content:
        yield "", content["example"]
    for name, one in content.get("examples", {}).items():
        yield name, one["value"]
    for schema in _schemas(content.get("schema", {}), document):
        for number, value in enumerate(schema.get("examples", [])):
            yield str(number), value


def _schemas(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """It, or what it may be, where it stands."""
    if "$ref" in schema:
        yield document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _schemas(one, document)
    else:
        yield schema
