"""Every body that takes JSON or YAML is shown by an example that its route can read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.ingest.api import documents as ingest
from services.ingest.files import read_texts as read_mappings
from services.ingest.files import shipped as shipped_mappings
from services.notifier.api import documents as notifier
from services.notifier.files import read_texts, shipped
from services.playbooks.api import documents as playbooks
from services.playbooks.files import SHIPPED
from services.playbooks.files import load_files as load_playbooks
from services.scoring.api import documents as scoring
from services.scoring.files import load_files as load_cards
from shared.documents import speech
from shared.documents.routes import Kind
from shared.settings import SERVICES
from tests.support.described import Example, examples, without_example
from tests.unit.web.test_keys_first import app_of


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FastAPI]:
    return {name: app_of(name, tmp_path_factory.mktemp("home")) for name in SERVICES}


def faults_of(app: FastAPI, one: Example) -> object:
    """What its model says against it."""
    for route in iter_route_contexts(app.routes):
        if route.path == one.path and one.method.upper() in (route.methods or ()):
            field = getattr(route.original_route, "body_field", None)
            return field.validate(one.value, {}, loc=())[1] if field is not None and "json" in one.media else []
    raise AssertionError(f"no route: {one}")


@pytest.mark.parametrize("service", SERVICES)
def test_every_body_has_an_example_that_fits_its_model(apps: dict[str, FastAPI], service: str) -> None:
    document = apps[service].openapi()
    assert without_example(document) == []
    found = list(examples(document))
    assert len(found) > 10
    assert {str(one): faults for one in found if (faults := faults_of(apps[service], one))} == {}


def test_a_body_that_does_not_fit_is_found(apps: dict[str, FastAPI]) -> None:
    key = next(one for one in examples(apps["ingest"].openapi()) if one.path == "/v1/keys")
    assert faults_of(apps["ingest"], key._replace(value={"name": "shop", "scopes": ["fly"]}))


DOCUMENTS: list[tuple[Sequence[Kind[Any]], Any]] = [
    ((ingest.MAPPING,), read_mappings(shipped_mappings())),
    (scoring.KINDS, load_cards()),
    ((playbooks.PLAYBOOK, playbooks.DIRECTORY), load_playbooks(SHIPPED, Path("none.yaml"))),
    ((notifier.TEMPLATE,), read_texts(shipped())),
]


@pytest.mark.parametrize(
    ("kind", "whole"),
    [(kind, whole) for kinds, whole in DOCUMENTS for kind in kinds],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_document_s_example_can_be_put_as_it_stands(kind: Kind[Any], whole: Any) -> None:
    for text in (kind.example, msgspec.json.encode(speech.plain(kind.example)).decode()):
        draft = kind.draft(whole, text.encode())
        assert (draft.id, list(draft.warnings)) == (kind.wanted["id"], [])
