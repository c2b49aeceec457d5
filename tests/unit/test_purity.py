"""What is pure imports nothing that waits, guesses or looks at the world: the lint of `make lint` fails otherwise."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph

from tests.support.purity import PureContract

ROOT = Path(__file__).parents[2]
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CORE: dict[str, Any] = next(one for one in LINTER["contracts"] if one["type"] == "pure")


def faults_of(imported: str) -> list[str]:
    """What the contract for cores says of one module that imports something."""
    graph = ImportGraph()
    for package in CORE["modules"]:
        graph.add_module(package)
    graph.add_module("services.scoring.core.score")
    graph.add_module(imported, is_squashed="." not in imported)
    graph.add_import(
        importer="services.scoring.core.score", imported=imported, line_number=3, line_contents=f"import {imported}"
    )
    contract_options = {"modules": CORE["modules"], "allowed": CORE["allowed"]}
    contract = PureContract("pure", session_options={}, contract_options=contract_options)
    found: list[str] = contract.check(graph, verbose=False).metadata["faults"]
    return found


@pytest.mark.parametrize(
    "imported",
    [
        *("secrets", "time", "random", "os", "asyncio", "uuid", "threading", "socket", "pathlib", "contextvars", "sys"),
        *("httpx", "sqlalchemy", "pydantic", "shared.clock", "shared.pg", "shared.settings", "deploy"),
        *("services.scoring.store", "services.ingest.core"),
    ],
)
def test_a_core_that_imports_it_fails(imported: str) -> None:
    assert faults_of(imported) == [f"services.scoring.core.score imports {imported} (line 3)"]


@pytest.mark.parametrize(
    "imported",
    [
        "math",
        "datetime",
        "msgspec",
        "shared.words.time",
        "shared.messages",
        "shared.conditions",
        "services.scoring.core",
    ],
)
def test_a_core_that_imports_it_is_pure(imported: str) -> None:
    assert faults_of(imported) == []


def test_every_core_is_held_to_it() -> None:
    cores = {f"services.{path.parent.name}.core" for path in ROOT.glob("services/*/core")}
    assert cores == set(CORE["modules"])
