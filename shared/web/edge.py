"""What surrounds every request: its trace and id, the limits on its body, its measured time, and the last net."""

import logging
import re
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.figures import Figures
from shared.messages import tracing
from shared.web.body import Body, Limits, Room
from shared.web.problems import unexpected

_log = logging.getLogger("keepwell.web")
_GONE: Final = 499
"""What a request is counted as whose client has gone."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Edge:
    """Gives each request its trace, limits its body, measures it, and answers what nobody else answered.

    Routes see a path as it was sent, still percent-encoded, so that an id with a slash in it is one segment; their
    parameters are decoded in `shared.web.routes`. A HEAD is answered as the GET would be, without a body.
    """

    def __init__(self, app: ASGIApp, *, figures: Figures, random: tracing.RandomBytes, limits: Limits) -> None:
        self._app, self._random = app, random
        self._seconds = figures.times(
            "keepwell_http_request_seconds", "How long requests took.", "method", "route", "status"
        )
        self._limits, self._room = limits, Room(limits.bodies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, method = Headers(scope=scope), scope["method"]
        trace = tracing.child(tracing.parse(headers.get(tracing.HEADER)), self._random)
        asked = headers.get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else trace.trace_id
        status, begun = 0, time.perf_counter()
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        scope = {**scope, "path": path, "method": "GET" if method == "HEAD" else method}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                out[tracing.HEADER] = trace.header()
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        token = tracing.current.set(trace)
        body = Body(receive, headers, self._limits, self._room)
        try:
            await self._app(scope, body, answer)
        except ClientDisconnect:
            status = status or _GONE
        except Exception as error:
            if not body.is_broken_off:
                if status:
                    raise
                await unexpected(error, request_id).response()(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            if body.is_broken_off:
                # Whatever was made of half a body is nothing that anybody hears.
                status = _GONE
                _log.info("the client hung up in the middle of its body", extra={"route": route})
            body.forget()
            tracing.current.reset(token)
            seconds = time.perf_counter() - begun
            self._seconds.observe(seconds, method, route, str(status))
