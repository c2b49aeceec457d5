"""The key as other tools' clients send it: in the head, where it is asked before anything else is read, or in the body.

In the head it is a bearer token, the user name of Basic, or `X-Write-Key`; in the body `writeKey`, `api_key` or
`token`. Of a pair, which some clients insist on, either half may be the key.
"""

import re
from typing import Annotated, Final

import msgspec
from fastapi import Depends, Request

from services.ingest.core.reading import without_bom
from shared.auth.keys import CHALLENGE, OURS, Caller, KeyStore, admitted, key_in
from shared.web.problems import Problem
from shared.web.routes import Gate

_LOOSE: Final = re.compile(rb'"(?:writeKey|api_key|token)"\s{0,9}:\s{0,9}"(kw_[\w-]{1,200})[":]', re.ASCII)
_WRITTEN: Final = re.compile(rb'("(?:writeKey|api_key|token)"\s{0,9}:\s{0,9}"[^"\\]{0,200}?)kw_[\w-]{1,200}', re.ASCII)


class _Props(msgspec.Struct):
    token: str = ""


class _InBody(msgspec.Struct, rename={"write_key": "writeKey"}):
    write_key: str = ""
    api_key: str = ""
    token: str = ""
    properties: _Props = msgspec.field(default_factory=_Props)


_in_body = msgspec.json.Decoder(_InBody)
_in_list = msgspec.json.Decoder(list[_InBody])


def key_in_head(request: Request) -> str | None:
    """The key that a request's head has; None where it has none."""
    written = request.headers.get("x-write-key", "") or key_in(request.headers.get("authorization", "")) or ""
    return _key_of(written)


def key_in_body(body: bytes) -> str | None:
    """The key that a JSON object has, or the first of a list of them; None where it has none."""
    body = without_bom(body).lstrip()
    try:
        found = _in_list.decode(body)[0] if body[:1] == b"[" else _in_body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        # One broken record is no reason not to know who sends. Nobody is let in yet, so this may cost next to nothing.
        loose = _LOOSE.search(body)
        return loose[1].decode() if loose else None
    written = found.write_key or found.api_key or found.token or found.properties.token
    return _key_of(written)


def without_key(body: bytes) -> bytes:
    """The body with no key of ours in it: records are kept and shown, as they were sent."""
    return _WRITTEN.sub(rb"\1kw_***", body) if OURS.encode() in body else body


def _key_of(written: str) -> str | None:
    halves = [half.strip() for half in written.split(":")]
    return next((half for half in halves if half.startswith(OURS)), halves[0]) or None


async def caller_with(keys: KeyStore, key: str | None) -> Caller:
    """Who holds the key. Raises problems: 401, 403."""
    if key is None:
        words = (
            "Send your API key as the client's write key: as a bearer token, the user name of Basic authentication, "
        )
        words += "in X-Write-Key, or in the body as 'writeKey' or 'api_key'."
        raise Problem(401, "no_key", words, headers=CHALLENGE)
    return await admitted(keys, key, "ingest")


class _HeadKey(Gate):
    """The key in the head, asked before the body is read, and whether it sends too many requests.

    To FastAPI who holds it, or None where the body must say.
    """

    async def check(self, request: Request) -> None:
        key = key_in_head(request)
        request.state.caller = None
        if key is not None:
            request.state.caller = await caller_with(request.app.state.keys, key)
            request.app.state.ingest.limits.check_open(request.state.caller.name)

    async def __call__(self, request: Request) -> Caller | None:
        caller: Caller | None = request.state.caller
        return caller


HeadCaller = Annotated[Caller | None, Depends(_HeadKey())]
"""Who holds the key in the head; None: there is none there, and `caller_of` looks into the body."""


async def caller_of(keys: KeyStore, head: Caller | None, body: bytes) -> Caller:
    """Who sends: by the key in the head, else by the one in the body. Raises problems: 401, 403."""
    return head or await caller_with(keys, key_in_body(body))
