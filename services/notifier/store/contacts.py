"""The address book's rows, as batches write them and senders read them."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.contacts import Book, Key, text_of
from services.notifier.store.written import digest
from shared.pg import bulk

_n = t.contacts.c
_KEY: Final = ("account_id", "contact_id")
_wanted = bulk.given(_n.account_id, _n.contact_id).c
_LOAD: Final = select(_n.account_id, _n.contact_id, _n.erased, _n.cells).where(
    _n.account_id == _wanted.account_id, _n.contact_id == _wanted.contact_id
)
_SAVE: Final = bulk.Insert(
    t.contacts, (*_KEY, "cells", "address"), same=("erased",), update=("cells", "address", "erased")
)
_REMOVE: Final = bulk.Delete(t.contacts, _KEY)
_REMOVE_ALL: Final = delete(t.contacts).where(and_(bulk.among(_n.account_id, "accounts"), ~_n.erased))
CELLS: Final = (
    select(_n.cells)
    .where(_n.account_id == t.deliveries.c.account_id, _n.contact_id == t.deliveries.c.contact_id, ~_n.erased)
    .scalar_subquery()
)
"""Of a delivery: what is known of the person that it is about."""


async def load(c: AsyncConnection, keys: Iterable[Key]) -> Book:
    """The book as far as these rows go."""
    book = Book()
    for account, contact, erased, cells in await c.execute(_LOAD, bulk.arrays(_KEY, sorted(set(keys)))):
        if erased:
            book.erased.add(Key(account, contact))
        else:
            book.contacts[Key(account, contact)] = cells
    return book


async def save(c: AsyncConnection, book: Book) -> None:
    """Write what folding has changed; of who was erased nothing stays but what knows them again."""
    no_cells: dict[str, Any] = {}
    known = [(key, book.contacts[key]) for key in sorted(book.changed)]
    await _SAVE(c, [(*key, cells, digest(text_of(cells, "email") or "")) for key, cells in known], erased=False)
    await _SAVE(c, [(*key, no_cells, "") for key in sorted(book.newly_erased)], erased=True)
    await _REMOVE(c, sorted(book.removed))
    if accounts := book.erased_accounts:
        await c.execute(_REMOVE_ALL, {"accounts": accounts})
