"""How documents are spoken of over HTTP: YAML or JSON as it is, and what is wrong with it, each with its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import ruamel.yaml
from fastapi import Request, Response
from pydantic import BaseModel

from shared.conditions import Problem as FileProblem
from shared.conditions import Refused
from shared.conditions.errors import MOST_TOLD
from shared.documents.shelf import JSON, YAML, Version, tag_of
from shared.web.etags import matches
from shared.web.problems import Problem
from shared.words import clean


def plain(text: str) -> Any:
    """What a YAML text of ours says, as plain values."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def body(example: str) -> dict[str, Any]:
    """What a route's description says of its body; JSON is YAML, too, so one reader takes both."""
    content = {
        YAML: {"schema": {"type": "string"}, "example": example},
        JSON: {"schema": {"type": "object"}, "example": plain(example)},
    }
    return {"requestBody": {"required": True, "content": content}}


def answer(request: Request, one: Version, status: int = 200) -> Response:
    """A document's text as it was put, byte for byte; 304 where the reader of it has it."""
    assert one.text is not None
    tag = tag_of(one.text)
    # `If-None-Match` compares weakly (RFC 9110, 13.1.2).
    has = matches([one.replace('W/"', '"') for one in request.headers.getlist("if-none-match")], tag)
    if has and request.method == "GET":
        return Response(status_code=304, headers={"ETag": tag})
    return Response(one.text, status, {"ETag": tag}, one.media_type)


def media_type_of(request: Request) -> str:
    """How a text is handed back: as JSON where it was sent so, else as YAML."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return JSON if sent == JSON or sent.endswith("+json") else YAML


def must_stand(request: Request, held: Version | None) -> None:
    """Answer 412 where what the caller has read is not what is there (RFC 9110, 13.1)."""
    headers, tag = request.headers, None if held is None else held.tag
    stale = "if-match" in headers and (tag is None or not matches(headers.getlist("if-match"), tag))
    there = tag is not None and "if-none-match" in headers and matches(headers.getlist("if-none-match"), tag)
    if stale or there:
        raise changed_since(held)


def changed_since(held: Version | None, name: str = "it") -> Problem:
    """That it is another one by now."""
    words = f"Somebody has changed {name} since you read it: read it again, and look at …/versions for what they did."
    return Problem(412, "stale", words, headers={} if held is None else {"ETag": str(held.tag)})


class Listed(BaseModel):
    """A document among others."""

    id: str
    etag: str
    """Strong: it changes with the text."""

    version: int
    author: str
    at: datetime
    shipped: bool
    """As a release has it: the next one may replace it, while nobody edits it."""

    @classmethod
    def of(cls, one: Version) -> "Listed":
        """As it is listed."""
        return cls(id=one.id, etag=str(one.tag), version=one.version, author=one.author, at=one.at, shipped=one.shipped)


class ListedVersion(BaseModel):
    """One version of a document; without an `etag` it was deleted then."""

    version: int
    etag: str | None
    author: str
    at: datetime
    shipped: bool

    @classmethod
    def of(cls, one: Version) -> "ListedVersion":
        """As it is listed."""
        return cls(version=one.version, etag=one.tag, author=one.author, at=one.at, shipped=one.shipped)


class Compared(BaseModel):
    """How a text differs from another version: a unified diff, a line each."""

    before: int
    after: int
    lines: list[str]


class Fault(BaseModel):
    """One thing that is wrong, or looks so. `file` names another document where it stands there."""

    line: int
    column: int
    message: str
    hint: str | None
    file: str | None

    @classmethod
    def of(cls, found: FileProblem) -> "Fault":
        """As it is told."""
        at, hint = found.position, found.suggestion
        told = clean(found.message), None if hint is None else clean(hint)
        return cls(line=at.line, column=at.column, message=told[0], hint=told[1], file=found.file or None)


class Checked(BaseModel):
    """A text that can be used."""

    id: str
    warnings: list[Fault]
    """What merely looks wrong."""


@contextmanager
def told() -> Iterator[None]:
    """Answer 422 with all that is wrong where a document is refused inside."""
    try:
        yield
    except Refused as error:
        faults = [Fault.of(one).model_dump() for one in error.problems[:MOST_TOLD]]
        first = faults[0]
        more = f" {len(error.problems) - 1} more in `problems`." if len(error.problems) > 1 else ""
        words = f"It can't be used. Line {first['line']}, column {first['column']}: {first['message']}{more}"
        raise Problem(422, "document_refused", words, extra={"problems": faults}) from None
