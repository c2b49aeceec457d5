"""Every registered type has a golden sample, and every sample ever written still reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.messages import accounts, envelope, registry

SAMPLES = sorted((Path(__file__).parent / "messages").glob("*.json"))
STRUCTS: dict[str, type[msgspec.Struct]] = {
    **{name: struct for name, (_, struct) in {**registry.CUSTOMER_EVENTS, **registry.INTERNAL}.items()},
    registry.HISTORY_ENDED: accounts.HistoryEnded,
}


def type_of(sample: Path) -> str:
    return sample.name.rsplit(".", 2)[0]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_reads_and_loses_nothing(sample: Path) -> None:
    raw = sample.read_bytes()
    event = envelope.decode(raw)
    assert event.type == type_of(sample)
    again = envelope.decode(envelope.encode(event))
    assert again == event
    data = registry.data_of(event)
    kept = msgspec.to_builtins(data)
    assert missing(json.loads(raw)["data"], kept, open_maps=event.type in {"account.updated"}) == []


@pytest.mark.parametrize("name", STRUCTS)
def test_every_type_has_a_sample_that_sets_every_field(name: str) -> None:
    assert any(type_of(sample) == name for sample in SAMPLES)
    # An invoice or a ticket is one definition for several types; the last of its life sets every field.
    family = {other for other, struct in STRUCTS.items() if struct is STRUCTS[name]}
    shown = {field for s in SAMPLES if type_of(s) in family for field in json.loads(s.read_bytes())["data"]}
    assert {field.encode_name for field in msgspec.structs.fields(STRUCTS[name])} <= shown


def test_fields_that_nobody_knows_do_no_harm() -> None:
    for sample in SAMPLES:
        message = json.loads(sample.read_bytes())
        message["comesfrom"] = "elsewhere"
        message["data"]["invented_later"] = {"by": ["somebody"]}
        registry.data_of(envelope.decode(json.dumps(message).encode()))


def missing(sent: Any, kept: Any, *, open_maps: bool, path: str = "data") -> list[str]:
    """Where a value that was sent is not in what was read."""
    return list(_missing(sent, kept, open_maps, path))


def _missing(sent: Any, kept: Any, open_maps: bool, path: str) -> Iterator[str]:
    if isinstance(sent, dict):
        for name, inner in sent.items():
            if name not in kept:
                # The customer's own traits are read by another definition (OpenAccountUpdated).
                if not (open_maps and path == "data.traits"):
                    yield f"{path}.{name}"
            else:
                yield from _missing(inner, kept[name], open_maps, f"{path}.{name}")
    elif isinstance(sent, list):
        for place, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _missing(one, other, open_maps, f"{path}[{place}]")
    elif sent != kept and not (isinstance(sent, str) and "T" in sent):
        yield f"{path}: {sent!r} became {kept!r}"
