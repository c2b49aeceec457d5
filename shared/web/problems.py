"""Errors as RFC 9457 problems: each with a `code` for programs and a `message` for people, and no internals."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from shared.log.protocol import BrokerUnavailable, Unconfirmed

PROBLEM: Final = "application/problem+json"

_log = logging.getLogger("keepwell.web")
_CODES: Final = {404: "not_found", 405: "method_not_allowed", 401: "unauthorized", 413: "too_large"}
_WORDS: Final = {
    404: "There is nothing at this address. See /docs for what there is.",
    405: "This address doesn't take this method; the Allow header says which it takes.",
    401: "The Authorization header can't be read. Send your API key as 'Authorization: Bearer KEY'.",
}
# SQLSTATE classes for connections, resources, operators' interventions, locks and deadlocks: later it may work.
_PASSING: Final = ("08", "40", "53", "55P03", "57")


class Problem(HTTPException):
    """An answer that is an error, as RFC 9457 has it. `message` is one sentence or two that say what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        retry_after: int | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if status in {429, 503}:
            retry_after = retry_after or 2
        retry = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, message, {**(headers or {}), **retry})
        self.code = code
        self.extra = dict(extra or {})

    def response(self) -> Response:
        """The answer itself."""
        body = {
            "type": f"urn:keepwell:problem:{self.code}",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            "code": self.code,
            "message": self.detail,
            **self.extra,
        }
        return JSONResponse(body, self.status_code, self.headers, PROBLEM)


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what an endpoint or the framework raised."""
    if isinstance(error, Problem):
        return error.response()
    assert isinstance(error, HTTPException)
    status = error.status_code
    words = _WORDS.get(status, str(error.detail))
    headers = {"Allow": _allowed(request)} if status == HTTPStatus.METHOD_NOT_ALLOWED else error.headers
    return Problem(status, _CODES.get(status, f"http_{status}"), words, headers=headers).response()


def _allowed(request: Request) -> str:
    """The methods that any route takes at this address; the framework knows those of the first alone."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.fullmatch(request.scope["path"]):
            methods |= route.methods
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


_IN_WORDS = {"extra_forbidden": "there is no such field"}


async def on_invalid(_: Request, error: Exception) -> Response:
    """Answer a request whose parameters or body don't fit, with where and why."""
    assert isinstance(error, RequestValidationError)
    faults = [
        (
            ".".join(str(part) for part in e["loc"]),
            _IN_WORDS.get(e["type"], e["msg"].removeprefix("Value error, ")),
        )
        for e in error.errors()
    ]
    return _invalid(faults).response()


def invalid(where: str, message: str) -> Problem:
    """The problem with a part of a request, such as `query.since`."""
    return _invalid([(where, message)])


def _invalid(faults: Sequence[tuple[str, str]]) -> Problem:
    words = "; ".join(f"{where}: {message}" for where, message in faults[:3]).rstrip(".")
    end = "" if words.endswith("?") else "."
    errors = [{"where": where, "message": message} for where, message in faults]
    return Problem(400, "invalid_request", f"The request can't be used: {words}{end}", extra={"errors": errors})


def unexpected(error: Exception, request_id: str) -> Problem:
    """The problem for an error that nobody caught: 503 where it will pass by itself, else 500.

    A value that PostgreSQL can't hold came with the request: no text of ours has a NUL, no number of ours is too large.
    """
    if _state_of(error).startswith("22"):
        _log.warning("a request holds what the database can't", exc_info=error)
        words = "The request holds a text with a NUL character, or a number or time beyond all bounds. Leave it out."
        return Problem(400, "invalid_request", words)
    if _passing(error):
        _log.warning("can't serve for now", exc_info=error)
        what = "broker" if isinstance(error, (BrokerUnavailable, Unconfirmed)) else "database"
        return Problem(503, f"{what}_unavailable", f"The {what} doesn't answer now. Send the same again in a moment.")
    _log.error("request failed", exc_info=error)
    words = f"That went wrong on our side. Try again; if it stays, give the operator the request id {request_id}."
    return Problem(500, "internal_error", words, extra={"request_id": request_id})


def _passing(error: Exception) -> bool:
    kinds = (BrokerUnavailable, Unconfirmed, OSError, PoolTimeout, InterfaceError, OperationalError)
    if isinstance(error, kinds):
        return True
    # Without a statement it is the connecting that failed, for whatever reason: no request is to blame for that.
    if isinstance(error, DBAPIError) and (error.connection_invalidated or error.statement is None):
        return True
    return _state_of(error).startswith(_PASSING)


def _state_of(error: Exception) -> str:
    return str(getattr(getattr(error, "orig", None) or error, "sqlstate", None) or "")
