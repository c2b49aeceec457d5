"""How documents are spoken of over HTTP: YAML or JSON as it is, and what is wrong with it, each with its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel

from shared.conditions import Problem as FileProblem
from shared.conditions import Refused
from shared.conditions.errors import MOST_TOLD
from shared.web.etags import matches
from shared.web.problems import Problem
from shared.words import clean

BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string"}} for kind in ("application/yaml", "application/json")},
    }
}
"""What a route's description says of its body; JSON is YAML, too, so one reader takes both."""


YAML: Final = "application/yaml"


def tag_of(text: bytes) -> str:
    """The strong entity tag of a text: the same for the same bytes."""
    return f'"{sha256(text).hexdigest()[:32]}"'


def answer(request: Request, text: bytes) -> Response:
    """A document's text as it was written, byte for byte; 304 where the reader has it."""
    tag = tag_of(text)
    # `If-None-Match` compares weakly (RFC 9110, 13.1.2).
    if matches([one.replace('W/"', '"') for one in request.headers.getlist("if-none-match")], tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(text, media_type=YAML, headers={"ETag": tag})


class Listed(BaseModel):
    """A document among others."""

    id: str
    etag: str
    """Strong: it changes with the text."""

    @classmethod
    def of(cls, id: str, text: bytes) -> "Listed":
        """As it is listed."""
        return cls(id=id, etag=tag_of(text))


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
