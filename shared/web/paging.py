"""Cursor paging: `?limit=&cursor=` in, `{"items": [...], "next_cursor": ...}` out. A cursor is opaque to clients."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Depends, Query
from pydantic import BaseModel

from shared.web.app import Problem

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` asks for the next, and is null on the last."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page a request wants. Ask the database for `limit + 1` rows after `after(...)`."""

    limit: int
    cursor: str | None = None

    def after(self, *types: Any) -> tuple[Any, ...] | None:
        """The sort key (with the id last) of the row before this page, or None for the first page.

        `types` say what the key is made of. Raises a 400 problem for a cursor that was not made here.
        """
        if self.cursor is None:
            return None
        try:
            packed = base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4))
            key: tuple[Any, ...] = msgspec.json.decode(packed, type=tuple[types])  # type: ignore[valid-type]
        except (ValueError, binascii.Error, msgspec.DecodeError):
            words = "The cursor can't be used. Use next_cursor of the page before, or none for the first page."
            raise Problem(400, "invalid_cursor", words) from None
        return key

    def page(self, rows: Sequence[T], key: Callable[[T], Sequence[Any]]) -> tuple[list[T], str | None]:
        """The rows of this page and the cursor of the next, from `limit + 1` rows or fewer."""
        if len(rows) <= self.limit:
            return list(rows), None
        shown = list(rows[: self.limit])
        return shown, cursor_of(*key(shown[-1]))


def cursor_of(*key: Any) -> str:
    """Make a cursor of a row's sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


async def _paging(
    limit: Annotated[int, Query(ge=1, le=500, description="How many items at most.")] = 50,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=4096)] = None,
) -> Paging:
    # Asynchronous only because FastAPI calls what is not in a thread, at each request.
    return Paging(limit, cursor)


WantedPage = Annotated[Paging, Depends(_paging)]
"""As a parameter of an endpoint: `paging: WantedPage`."""
