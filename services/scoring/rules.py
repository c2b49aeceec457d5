"""Reads the scorecards and the catalogue from their directory."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.scoring.core.parsing import catalogue_of, scorecard_of
from services.scoring.core.scorecard import Rules, rules_of
from shared.conditions import ConditionError, Problem
from shared.conditions.loading import Refused, load_yaml

SHIPPED = Path(__file__).with_name("scorecards")
_CATALOGUE = "catalogue.yaml"


def load_rules(directory: Path = SHIPPED) -> Rules:
    """Every scorecard in a directory. Raises `Refused` with all that is wrong, by file, line and column."""
    problems: list[Problem] = []

    def note(error: ConditionError | Refused, name: str) -> None:
        problems.extend(replace(problem, file=name) for problem in error.problems)

    path = directory / _CATALOGUE
    node = _mapping(path) if path.exists() else {}
    try:
        catalogue = catalogue_of(node)
    except ConditionError as error:
        note(error, _CATALOGUE)
        raise Refused(problems) from None
    cards = []
    for path in sorted(directory.glob("*.yaml")):
        if path.name == _CATALOGUE:
            continue
        try:
            cards.append(scorecard_of(_mapping(path), catalogue))
        except (ConditionError, Refused) as error:
            note(error, path.name)
    if problems:
        raise Refused(problems)
    try:
        return rules_of(catalogue, cards)
    except ConditionError as error:
        note(error, str(directory))
        raise Refused(problems) from None


def _mapping(path: Path) -> Mapping[str, Any]:
    node = load_yaml(path.read_text(encoding="utf-8"), path.name)
    if not isinstance(node, Mapping):
        raise Refused([Problem("The file must be a mapping.", file=path.name)])
    return node
