"""The HTTP face that every service shares: the app with its probes, and a true OpenAPI document."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from shared.figures import Figures
from shared.messages import tracing
from shared.telemetry import metrics
from shared.web.body import LIMITS, Limits
from shared.web.edge import Edge
from shared.web.problems import PROBLEM, Problem, on_http, on_invalid
from shared.web.routes import Route

__all__ = ["PROBLEM", "Check", "Problem", "create_app", "failed_checks"]

Check = Callable[[], Awaitable[None]]

BEARER: Final = "Bearer"
"""How keys are sent, by the name that the documents of all services have for it; as Basic they are taken, too."""
_BASIC: Final = "Basic"
_BASIC_SCHEME: Final = {"type": "http", "scheme": "basic", "description": "The key as the user name."}
CHECK_SECONDS: Final = 2.0

_log = logging.getLogger("keepwell.web")


def create_app(
    title: str,
    version: str,
    *,
    checks: Mapping[str, Check],
    figures: Figures,
    stuck: Callable[[], Awaitable[str | None]] | None = None,
    random: tracing.RandomBytes,
    description: str = "",
    schemas: Mapping[str, Any] | None = None,
    webhooks: Mapping[str, Any] | None = None,
    limits: Limits = LIMITS,
) -> FastAPI:
    """A service's app with its probes. `schemas` join the OpenAPI components, and `webhooks` are what it sends.

    `stuck` says why the process is of no use any more, if it isn't.

    The checks are in the app's `state.checks`, too, for the service's status.
    """
    app = FastAPIOffline(
        title=title,
        version=version,
        description=description,
        # A redirect would repeat the Host that a caller chose, and take a path for another.
        redirect_slashes=False,
        responses={
            "default": {"description": "A problem (RFC 9457).", "content": {PROBLEM: {"schema": _ref("Problem")}}}
        },
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.checks = checks
    app.router.route_class = Route
    app.add_middleware(Edge, figures=figures, random=random, limits=limits)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)

    @app.get("/healthz", tags=["probes"], summary="The process is alive")
    async def healthz() -> dict[str, str]:
        if stuck is not None and (reason := await stuck()) is not None:
            raise Problem(503, "stuck", reason)
        return {"status": "alive"}

    @app.get("/readyz", tags=["probes"], summary="Everything that the service needs answers")
    async def readyz() -> dict[str, str]:
        gone = await failed_checks(checks)
        if gone:
            words = "; ".join(f"{name}: {reason}" for name, reason in gone.items())
            raise Problem(503, "not_ready", f"The service can't work yet: {words}.", extra={"gone": gone})
        return {"status": "ready"}

    @app.get("/metrics", tags=["probes"], summary="Prometheus metrics", response_class=Response)
    async def metrics_text() -> Response:
        await figures.refresh()
        return Response(metrics.text(figures), media_type=metrics.CONTENT_TYPE)

    app.openapi = lambda: _openapi(app, schemas or {}, webhooks or {})  # type: ignore[method-assign]
    return app


async def failed_checks(checks: Mapping[str, Check]) -> dict[str, str]:
    """Run the checks at once, 2 s each. Returns the reason of each that failed, without internals."""

    async def asked(name: str, check: Check) -> tuple[str, str] | None:
        task = asyncio.ensure_future(check())
        # Who is cut off may take its time to end, as over a connection that hangs; the answer doesn't wait for that.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
            if not done:
                return name, f"did not answer within {CHECK_SECONDS:.0f} s"
            task.result()
        except Exception as error:
            _log.warning("check failed", extra={"check": name, "error": f"{type(error).__name__}: {error}"[:300]})
            return name, f"failed ({type(error).__name__})"
        finally:
            task.cancel()
        return None

    results = await asyncio.gather(*(asked(name, check) for name, check in checks.items()))
    return dict(result for result in results if result)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is for programs, `message` (the same as `detail`) for people.",
    "required": ["type", "title", "status", "detail", "code", "message"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "message")},
        "status": {"type": "integer"},
    },
}


def _openapi(app: FastAPI, schemas: Mapping[str, Any], webhooks: Mapping[str, Any]) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = made.setdefault("components", {}).setdefault("schemas", {})
        components.update({**schemas, "Problem": _PROBLEM_SCHEMA})
        for path in made["paths"].values():
            for operation in path.values():
                if "security" in operation:
                    operation["security"] = [{BEARER: []}, {_BASIC: []}]
                    made["components"]["securitySchemes"][_BASIC] = _BASIC_SCHEME
                    problem = operation["responses"]["default"]["content"]
                    operation["responses"]["401"] = {
                        "description": "No key, or one that is not known.",
                        "content": problem,
                    }
                    operation["responses"]["403"] = {"description": "The key lacks the scope.", "content": problem}
        if webhooks:
            made["webhooks"] = dict(webhooks)
        app.openapi_schema = made
    return app.openapi_schema
