"""Every type of message that there is, or ever was in a sample, keeps what is promised of all."""

from pathlib import Path

import pytest

from shared.messages import envelope
from tests.support.verify import SAMPLES, STRUCTS, type_of, verify


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_ever_written_is_verified(sample: Path) -> None:
    event = envelope.decode(sample.read_bytes())
    assert event.type == type_of(sample)
    verify(event)


@pytest.mark.parametrize("name", STRUCTS)
def test_every_type_has_a_case(name: str) -> None:
    assert any(type_of(sample) == name for sample in SAMPLES), (
        f"Put a sample of it into tests/golden/messages/{name}.1.json"
    )
