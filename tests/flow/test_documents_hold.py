"""Every command in a fence of README, CONTRIBUTING and docs/ is run, and answers what stands beneath it."""

import json
import os
import shutil
import subprocess
import sys
from ast import PyCF_ONLY_AST
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.cli.down import stop
from tests.support.documents import ROOT, Block, answer_to, blocks
from tests.support.fake_stack import eventually
from tests.support.ports import free_ports

SHELL = [block for block in blocks() if block.language == "sh"]


class Newcomer:
    """Somebody in an empty directory, who types what the documents say."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self._port = str(free_ports(4))
        own = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWELL_", "MAKE"))}
        self._environment = own | {"KEEPWELL_PORT": self._port, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}

    def types(self, command: str, at: Path | None = None) -> str:
        """Run a command in a shell; returns what it printed."""
        done = subprocess.run(
            ["bash", "-ec", command.replace(":8001", f":{self._port}")],
            cwd=at or self.at,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def keepwell(self, *words: str) -> str:
        """The command line, as it is in a shell where .venv is active."""
        return self.types(f"'{sys.executable}' -c 'from deploy.cli.main import app; app()' {' '.join(words)}")


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    made = Newcomer(tmp_path)
    yield made
    stop(tmp_path / ".keepwell")


def _clone(newcomer: Newcomer, command: str) -> None:
    newcomer.types(command.replace("ADDRESS-OF-THIS-REPOSITORY", str(ROOT)))
    assert (newcomer.at / "keepwell" / "Makefile").exists()
    shutil.rmtree(newcomer.at / "keepwell")


def _make(newcomer: Newcomer, command: str) -> None:
    """That make knows the target, and what it would do; `make demo` itself is run in test_demo.py."""
    assert newcomer.types(command.replace("make ", "make --dry-run ", 1), at=ROOT)


def _curl(newcomer: Newcomer, command: str) -> None:
    """Against a stack of one's own, twice, as the text beneath promises."""
    newcomer.keepwell("up", "--detach")
    for _ in range(2):
        given, said = json.loads(newcomer.types(command)), json.loads(answer_to(command.split()[1]))
        # Where they came to lie is another place each time.
        assert given.pop("token")
        assert said.pop("token")
        assert given == said
    assert eventually(lambda: "Acme" in newcomer.keepwell("tasks"))
    assert eventually(lambda: "you@example.com" in newcomer.keepwell("deliveries"))
    listed = json.loads(newcomer.keepwell("tasks", "--json"))
    assert len(listed) == 1, listed


RUN: dict[str, Callable[[Newcomer, str], None]] = {"git": _clone, "make": _make, "curl": _curl}


@pytest.mark.parametrize("block", SHELL, ids=lambda block: f"{block.document}:{block.line}")
def test_what_a_document_tells_to_type_works(newcomer: Newcomer, block: Block) -> None:
    assert block.commands()
    for command in block.commands():
        RUN[command.split()[0]](newcomer, command)


def test_nothing_else_than_commands_answers_and_pictures_is_fenced() -> None:
    assert {block.language for block in blocks()} <= {"sh", "", "mermaid", "yaml", "python", "js"}


@pytest.mark.parametrize(
    "block", [one for one in blocks() if one.language == "python"], ids=lambda block: f"{block.document}:{block.line}"
)
def test_what_is_shown_of_python_can_be_copied(block: Block) -> None:
    compile(block.text, block.document, "exec", PyCF_ONLY_AST)
