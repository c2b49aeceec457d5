"""What a worker may remember leaves its process what it takes by itself."""

import pytest

from services.scoring.settings import ScoringSettings

MB = 2**20


@pytest.mark.parametrize(("allowed", "remembered"), [(512, 320), (4096, 3904), (256, 64), (128, 32), (16, 4)])
def test_a_worker_remembers_what_its_process_has_left(allowed: int, remembered: int) -> None:
    assert ScoringSettings(worker_memory_mb=allowed).remembered == remembered * MB


def test_a_worker_may_take_half_a_gigabyte_unless_said_otherwise() -> None:
    assert ScoringSettings().remembered == 320 * MB
