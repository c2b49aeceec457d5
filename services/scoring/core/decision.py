"""What is decided about an account, once and for good, and why it is looked at again."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from shared.messages.assessments import Band, Cause, Hundredths


class Hold(msgspec.Struct, frozen=True):
    """The cap that holds a score down: at how many points, and while which condition."""

    at_most: Hundredths
    while_: str = msgspec.field(name="while")


class Decided(msgspec.Struct, array_like=True, frozen=True):
    """What was read of a measure: raw value, points in hundredths, words, and single values with their weights."""

    raw: float | None = None
    points: int | None = None
    words: str = ""
    spread: tuple[tuple[float, int], ...] = ()
    kept: bool = False
    """Its source was interrupted: it is the last reading of before."""


class Changes(msgspec.Struct, array_like=True, frozen=True):
    """How the score moved by what happened to the account: all that its facts on change need.

    Each day on which it moved, oldest first, with where it stood at the end, in hundredths: from its first score on,
    moved by what counts alone. The last 90 days, and the one before them.
    """

    days: tuple[tuple[int, int], ...] = ()


class Decision(msgspec.Struct, array_like=True, frozen=True):
    """What was last decided about an account, kept for the next time."""

    rev: int
    at: int
    """In microseconds since 1970, as whatever is kept."""
    score: int | None
    band: Band
    coverage: int
    scorecard: str
    mean: tuple[int, int]
    """Σ weight·points and Σ weight; (0, 0) where too little was known, and the score is a cap's alone."""
    hold: Hold | None
    readings: dict[str, Decided]
    news: bytes
    """A digest of the facts, to see whether anything is new."""
    reason: str
    previous_score: int | None
    last_used: int = 0
    """The last use that was told."""
    book: tuple[str | None, ...] = ()
    """Whose account it was and what it was counted with: `profile.BOOKS`."""
    changes: Changes = Changes()
    left_at: int | None = None
    """When the customer had left."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Decision)


def pack(decision: Decision) -> bytes:
    """As the account's row keeps it."""
    return _encoder.encode(decision)


def unpack(packed: bytes) -> Decision:
    """Read what `pack` wrote."""
    return _decoder.decode(packed)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why an account is looked at, and what else its assessment carries."""

    cause: Cause
    events: Sequence[str] = ()
    """`source id` of the usage behind it."""
    imports: Sequence[str] = ()
    found_in: str | None = None
    act_on_found: bool = False
    nothing_new: bool = False
    """It says of the account what was known: there is nothing to tell, unless time has made something of it."""
