"""The schema that is served says what is taken: JSON's 7.0 is whole."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from services.ingest.api import openapi
from services.ingest.core.mending import FIELDS
from shared.messages.registry import CUSTOMER_EVENTS
from tests.unit.ingest.test_times import a_golden, an_event_with, places


def validator(type: str) -> Any:
    components = openapi.schemas()
    schema = {"$ref": f"#/components/schemas/Event_{type.replace('.', '_')}", "components": {"schemas": components}}
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("type", [type for type in CUSTOMER_EVENTS if places(FIELDS[type], "whole")])
def test_a_whole_number_with_a_fraction_of_nothing_fits_and_another_does_not(type: str) -> None:
    check = validator(type)
    assert check.is_valid({**an_event_with(type, ("own",), 1), "data": a_golden(type)})
    for path in places(FIELDS[type], "whole"):
        assert check.is_valid(an_event_with(type, path, 3.0)), path
        assert not check.is_valid(an_event_with(type, path, 3.5)), path
