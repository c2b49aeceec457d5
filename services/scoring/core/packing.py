"""Accounts as bytes: as rows keep them, and as what must be equal wherever the same events were folded."""

from typing import Any, Final

import msgspec

from services.scoring.core.pruning import is_tombstone, prune
from services.scoring.core.state import Account, Invoice, Paper, State, Ticket

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)
_papers: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    "tickets": msgspec.msgpack.Decoder(Ticket),
    "invoices": msgspec.msgpack.Decoder(Invoice),
}


def encode(state: State) -> bytes:
    """As its row keeps it, with keys as folding left them: a row is written far oftener than it is compared."""
    return _encoder.encode(state)


def decode(packed: bytes) -> State:
    """Read what `encode` wrote."""
    return _decoder.decode(packed)


def paper_of(kind: str, packed: bytes) -> Any:
    """Read a row of `tickets` or `invoices`."""
    return _papers[kind].decode(packed)


def encode_row(row: Paper) -> bytes:
    """A row's canonical bytes."""
    return _encoder.encode(row)


def _sorted(found: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _sorted(v) if isinstance(v := found[key], dict) else v for key in sorted(found)}


def _in_order(state: State) -> State:
    """With sorted keys, and without collections that were left empty."""
    mappings = {name: _sorted(v) for name in State.__struct_fields__ if isinstance(v := getattr(state, name), dict)}
    # What was forgotten leaves no empty list.
    mappings["moments"] = {kind: answers for kind, answers in mappings["moments"].items() if answers}
    return msgspec.structs.replace(state, **mappings)


def canonical(account: Account, today: int) -> bytes:
    """Everything that is remembered of an account on a day, as bytes; equal accounts give equal bytes."""
    state = decode(encode(account.state))
    prune(state, today)
    papers = [
        [(key, rows[key]) for key in sorted(rows) if not is_tombstone(rows[key], today)]
        for rows in map(account.papers, _papers)
    ]
    return _encoder.encode((account.id, encode(_in_order(state)), papers))
