"""Routes that ask who calls before they read anything of a request but its head.

FastAPI reads and parses a body first, and asks a route's dependencies then: who has no key could make it parse 5 MB. So
what must come first is a `Gate`, and a `Route` passes its gates, in their order, before it lets FastAPI begin.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Coroutine, Iterator, Sequence
from typing import Any, get_args, get_origin
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from shared.conditions.errors import nearest
from shared.web.problems import invalid


class Gate(ABC):
    """A dependency that needs no more than a request's head. FastAPI calls it, too, when the rest is read."""

    mine = False
    """Whether the route is one of ours, for people and programs who read its description. What SDKs and vendors call
    takes query parameters as they come."""

    @abstractmethod
    async def check(self, request: Request) -> None:
        """Raise a problem, or let the request pass."""

    @abstractmethod
    async def __call__(self, *args: Any, **more: Any) -> Any:
        """What the dependency gives."""


class Route(APIRoute):
    """A route that passes its gates first, refuses query parameters that aren't its own, and decodes its path."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, behind the gates."""
        handle = super().get_route_handler()
        gates = list(_gates(self.dependant))
        strict = any(gate.mine for gate in gates)
        fields = get_flat_params(self.dependant)
        known = {field.alias: field.field_info for field in fields if isinstance(field.field_info, Query)}
        lists = {name for name, info in known.items() if _is_list(info.annotation)}

        async def behind_gates(request: Request) -> Response:
            for gate in gates:
                await gate.check(request)
            if strict:
                _check_query(request, list(known), lists)
            params = request.scope["path_params"]
            try:
                request.scope["path_params"] = {name: unquote(value, errors="strict") for name, value in params.items()}
            except UnicodeDecodeError:
                raise invalid("path", "it must be percent-encoded UTF-8") from None
            return await handle(request)

        return behind_gates


class Router(APIRouter):
    """Collects routes that pass their gates first. Every service makes its routers of this."""

    def __init__(self, *, prefix: str = "", tags: list[Any] | None = None, dependencies: Any = None) -> None:
        super().__init__(prefix=prefix, tags=tags, dependencies=dependencies, route_class=Route)


def _gates(dependant: Dependant) -> Iterator[Gate]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Gate):
            yield inner.call
        yield from _gates(inner)


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def _check_query(request: Request, known: Sequence[str], lists: Container[str]) -> None:
    """A misspelt filter that is ignored answers another question than was asked."""
    for name in request.query_params:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known) or 'none here'}"
            raise invalid(f"query.{name}", f"there is no such parameter; {hint}")
        if name not in lists and len(request.query_params.getlist(name)) > 1:
            raise invalid(f"query.{name}", "it is given more than once")
