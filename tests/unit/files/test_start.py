"""A service that is started with a broken file says all that is wrong with it, and ends so that nothing restarts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_faults_of_all_files_are_said_together(tmp_path: Path) -> None:
    (tmp_path / "csms.yaml").write_text("csms: 5\n")
    (tmp_path / "a.yaml").write_text("id: 5\nsteps: [alert: x]\n")
    code, said = start("playbooks", home=tmp_path, csms=tmp_path / "csms.yaml", playbooks=tmp_path)
    assert code == os.EX_CONFIG
    assert {Path(line.partition(":")[0]).name for line in said} == {"a.yaml", "csms.yaml"}


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
        ("playbooks", "playbooks", "a.yaml", b"id: x\nwhen: usage.trnd > 3\nsteps: [alrt: x]\n", [2, 3, 3]),
        ("playbooks", "csms", "csms.yaml", b"csms:\n  - {id: a, name: A, days: [2026-02-30]}\nholidays: [x]\n", [2, 3]),
        ("playbooks", "csms", "csms.yaml", "csms:\n  - {id: a, name: Zoë}\n".encode("latin-1"), [2]),
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
