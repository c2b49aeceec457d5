"""What holds for every type of message, stated once: `verify(event)`.

A type's cases are its golden samples, in `tests/golden/messages`; a new type needs nothing but its sample.
"""

import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from services.ingest.api import openapi
from services.scoring.core.causes import cause_of
from services.scoring.core.clock import day_of
from services.scoring.core.fold import fold
from services.scoring.core.health import health_of
from services.scoring.core.packing import canonical, decode, encode
from services.scoring.core.pruning import prune
from services.scoring.core.sentences import sentence
from services.scoring.core.state import Account
from services.scoring.core.timeline import row_of
from shared.messages import accounts, envelope, registry
from shared.messages.envelope import Event
from shared.messages.erasing import NAMES_NOBODY
from shared.messages.outward import PAYLOADS
from tests.support.scoring import BY_USAGE, DAY, NOW, SHIPPED, after, an_account, an_event, assessed, busy

SAMPLES = sorted((Path(__file__).parents[1] / "golden" / "messages").glob("*.json"))
STRUCTS: dict[str, type[msgspec.Struct]] = {
    **{name: struct for name, (_, struct) in {**registry.CUSTOMER_EVENTS, **registry.INTERNAL}.items()},
    registry.HISTORY_ENDED: accounts.HistoryEnded,
}
_ENDS = {"account.erased", "account.merged"}
"""After these nothing else of an account can be seen."""
_ORDERS = 6


def type_of(sample: Path) -> str:
    """The type that a sample is of."""
    return sample.name.rsplit(".", 2)[0]


def verify(event: Event) -> None:
    """Assert what is promised of every message, whatever its type.

    It reads back as it was written and stands what it doesn't know; its type has a sample that sets every field. What
    customers send stands in the OpenAPI document of ingest too, folds to the same bytes in any order and however often
    it comes, and the drivers of the change that it makes sum to that change. Usage apart it stands on the timeline in
    words, without any once its contact is erased, who is named to nobody then, and not at all once the account is.
    """
    _reads_back(event)
    _has_a_sample(event.type)
    if event.type in registry.CUSTOMER_EVENTS:
        _stands_in_openapi(event)
        _folds_the_same(event)
        _is_explained(event)
        if event.type != "usage.recorded":
            _stands_on_the_timeline(event)


def _reads_back(event: Event) -> None:
    raw = envelope.encode(event)
    assert envelope.decode(raw) == event
    sent, kept = msgspec.json.decode(event.data), msgspec.to_builtins(registry.data_of(event))
    assert list(_missing(sent, kept, open_maps=event.type == "account.updated")) == []
    if event.type == "webhook.told":
        told = registry.data_of(event)
        assert msgspec.to_builtins(msgspec.convert(told.data, PAYLOADS[told.type])).items() >= told.data.items()
    later = json.loads(raw) | {"comesfrom": "elsewhere"}
    later["data"] |= {"invented_later": {"by": ["somebody"]}}
    assert registry.data_of(envelope.decode(json.dumps(later).encode())) == registry.data_of(event)


def _has_a_sample(type: str) -> None:
    assert any(type_of(sample) == type for sample in SAMPLES)
    # An invoice or a ticket is one definition for several types; the last of its life sets every field.
    family = {other for other, struct in STRUCTS.items() if struct is STRUCTS[type]}
    shown = {field for s in SAMPLES if type_of(s) in family for field in json.loads(s.read_bytes())["data"]}
    assert {field.encode_name for field in msgspec.structs.fields(STRUCTS[type])} <= shown


def _stands_on_the_timeline(event: Event) -> None:
    account, data = Account(event.subject), registry.data_of(event)
    row = row_of(account, event, data, NOW)
    assert row is not None
    assert row.data is not None
    assert sentence(event.type, msgspec.json.decode(row.data), "Kim", "admin")
    if row.contact_id is not None:
        erased = after(an_event("contact.erased", contact_id=row.contact_id), account=account)
        late = row_of(erased, event, data, NOW)
        assert late is not None
        assert late.data is None
        assert late.contact_id not in (None, row.contact_id)
        told = cause_of(event, None, erased)
        assert told.who is None or event.type == "contact.erased"
        assert told.data.keys() <= NAMES_NOBODY or event.type == "contact.erased"
    assert row_of(after(an_event("account.erased"), account=account), event, data, NOW) is None


def _stands_in_openapi(event: Event) -> None:
    components = _components()
    mapping = components["Event"]["discriminator"]["mapping"]
    assert event.type in mapping
    described = components[mapping[event.type].rpartition("/")[2]]
    assert described["properties"]["type"] == {"const": event.type}
    data = components[described["properties"]["data"]["$ref"].rpartition("/")[2]]
    assert {field.encode_name for field in msgspec.structs.fields(STRUCTS[event.type])} == set(data["properties"])


@cache
def _components() -> dict[str, Any]:
    return openapi.schemas()


def _folds_the_same(event: Event) -> None:
    """In an order, forward and back and shuffled, in batches, each event sent up to three times."""
    events = [*_history_without(event), event, _again(event)]
    first = seen([events])
    for seed in range(_ORDERS):
        chance = random.Random(seed)
        sent = [one for one in events for _ in range(chance.randint(1, 3))]
        chance.shuffle(sent)
        cuts = sorted({0, len(sent), chance.randrange(len(sent)), chance.randrange(len(sent))})
        other = seen([sent[a:b] for a, b in pairwise(cuts)])
        assert canonical(other, day_of(NOW)) == canonical(first, day_of(NOW))
        assert health_of(other, NOW, SHIPPED).score == health_of(first, NOW, SHIPPED).score


def _is_explained(event: Event) -> None:
    account = an_account(*busy(range(60)))
    decision = assessed(account).decision
    after(_now(event), account=account)
    told = assessed(account, before=decision, by=BY_USAGE if event.type == "usage.recorded" else event).assessed
    if told is not None and told.score is not None:
        assert told.previous_score is not None
        assert sum(driver.points for driver in told.drivers) == told.score - told.previous_score


def _history_without(event: Event) -> list[Event]:
    """One of every other type, at the same account, at times around the event's own."""
    others = [envelope.decode(sample.read_bytes()) for sample in SAMPLES if type_of(sample) in registry.CUSTOMER_EVENTS]
    return [
        msgspec.structs.replace(one, id=f"h{place}", subject=event.subject, time=event.time + (place % 5 - 2) * DAY)
        for place, one in enumerate(others)
        if one.type not in _ENDS | {event.type}
    ]


def _again(event: Event) -> Event:
    """The same told by another source at the same instant: one of the two must win, whichever comes first."""
    return msgspec.structs.replace(event, id=f"{event.id}-2", source="another")


def _now(event: Event) -> Event:
    return msgspec.structs.replace(event, subject="acme", time=NOW)


def seen(batches: Sequence[Sequence[Event]]) -> Account:
    """Fold batch by batch, each event once, saving and loading between as the worker does."""
    account, claimed = Account("acme"), set()
    for batch in batches:
        for event in batch:
            if (event.source, event.id) not in claimed:
                claimed.add((event.source, event.id))
                fold(account, event, registry.data_of(event))
        prune(account.state, day_of(NOW), account.forgotten)
        account.state = decode(encode(account.state))
    return account


def _missing(sent: Any, kept: Any, *, open_maps: bool, path: str = "data") -> Iterator[str]:
    """Where a value that was sent is not in what was read."""
    if isinstance(sent, dict):
        for name, inner in sent.items():
            if name in kept:
                yield from _missing(inner, kept[name], open_maps=open_maps, path=f"{path}.{name}")
            # The customer's own traits are read by another definition (OpenAccountUpdated).
            elif not (open_maps and path == "data.traits"):
                yield f"{path}.{name}"
    elif isinstance(sent, list):
        for place, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _missing(one, other, open_maps=open_maps, path=f"{path}[{place}]")
    elif sent != kept and not (isinstance(sent, str) and "T" in sent):
        yield f"{path}: {sent!r} became {kept!r}"
