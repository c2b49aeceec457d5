"""Every service has the same face: who knows one finds anything in the other three."""

from pathlib import Path

import pytest

from shared.settings import SERVICES

ROOT = Path(__file__).parents[2] / "services"
FACE = {"__init__", "main", "settings", "api", "views", "handler", "store", "queries", "tables", "files", "core"}
"""Modules, or packages where one is large. Beside them stand packages named for an idea, and folders of data."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_other_file_at_its_root(service: str) -> None:
    modules = {path.stem for path in (ROOT / service).glob("*.py")}
    assert modules <= FACE
    assert {"__init__", "main", "tables"} <= modules
    assert (ROOT / service / "core" / "__init__.py").exists()


@pytest.mark.parametrize("service", SERVICES)
def test_a_role_is_a_module_or_a_package_but_not_both(service: str) -> None:
    both = {path.stem for path in (ROOT / service).glob("*.py") if (ROOT / service / path.stem).is_dir()}
    data = {"templates", "playbooks", "scorecards"}
    assert both - data == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_comes_in_and_what_goes_out(service: str) -> None:
    words = (ROOT / service / "__init__.py").read_text()
    assert "In:" in words
    assert "Out:" in words
