"""A service that is started with a broken file says all that is wrong with it, and ends so that nothing restarts it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from services.playbooks.documents import PlaybooksInForce
from services.playbooks.files import KINDS
from shared.conditions import Problem, Refused
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase

ROOT = Path(__file__).parents[3]


def start(service: str, **settings: Path) -> tuple[int, list[str]]:
    given = {f"KEEPWELL_{name.upper()}": str(path) for name, path in settings.items()}
    process = subprocess.run(
        [sys.executable, "-m", f"services.{service}.main"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KEEPWELL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x",
            **given,
        },
        capture_output=True,
        check=False,
        timeout=60,
    )
    return process.returncode, process.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("service", "setting", "name", "text", "lines"),
    [
        ("scoring", "scorecards", "catalogue.yaml", b"working_days: [mon, mno]\ntraits: {a: txt}\n", [1, 2]),
        ("scoring", "scorecards", "card.yaml", b"id: x\nversion: one\nmeasures: {usage.trnd: {weight: 3}}\n", [2, 3]),
    ],
)
def test_every_fault_is_said_and_the_exit_code_is_78(
    tmp_path: Path, service: str, setting: str, name: str, text: bytes, lines: list[int]
) -> None:
    (tmp_path / name).write_bytes(text)
    path = tmp_path / name if setting == "csms" else tmp_path
    code, said = start(service, home=tmp_path, **{setting: path})
    assert code == os.EX_CONFIG
    told = [line for line in said if not line.startswith(" ")]
    assert [int(line.removeprefix(f"{tmp_path / name}:").partition(":")[0]) for line in told] == lines


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("playbooks/a.yaml", b"id: x\nwhen: usage.trnd > 3\nsteps: [alrt: x]\n", [2, 3, 3]),
        ("csms.yaml", b"csms:\n  - {id: a, name: A, days: [2026-02-30]}\nholidays: [x]\n", [2, 3]),
        ("csms.yaml", "csms:\n  - {id: a, name: Zo\u00eb}\n".encode("latin-1"), [2]),
    ],
)
async def test_playbooks_say_every_fault_where_nothing_is_in_force_yet(
    tmp_path: Path, name: str, text: bytes, lines: list[int]
) -> None:
    told = await refused(tmp_path, {name: text})
    assert [(one.file, one.position.line) for one in told] == [(str(tmp_path / name), line) for line in lines]


async def test_the_faults_of_all_files_are_said_together(tmp_path: Path) -> None:
    told = await refused(tmp_path, {"csms.yaml": b"csms: 5\n", "playbooks/a.yaml": b"id: 5\nsteps: [alert: x]\n"})
    assert {Path(one.file).name for one in told} == {"a.yaml", "csms.yaml"}


async def refused(folder: Path, files: Mapping[str, bytes]) -> Sequence[Problem]:
    (folder / "playbooks").mkdir()
    (folder / "playbooks" / "right.yaml").write_text("id: right\nwhen: usage.breadth < 4 %\nsteps: [alert: Hi]\n")
    for name, text in files.items():
        (folder / name).write_bytes(text)
    made = PlaybooksInForce(folder / "playbooks", folder / "csms.yaml", None, FakeShelf(KINDS))
    with pytest.raises(Refused) as caught:
        await made.begin(NoDatabase(), NOW)
    return caught.value.problems
