"""Templates as documents; a draft is answered with what it would say."""

from collections.abc import Sequence
from typing import Any, Final

from services.notifier.files import TEMPLATE_SCHEMA, TEMPLATES, TemplateFile, Templates
from services.notifier.views import CheckedTemplate
from shared.clock import Clock
from shared.documents import speech, together
from shared.documents.in_force import InForce
from shared.documents.routes import Beside, Draft, Kind
from shared.documents.routes import routes as document_routes
from shared.files.reading import read
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router


def _template(templates: Templates, text: bytes) -> Draft[Templates]:
    one = read(text, "", TemplateFile)
    return Draft(one.id, one.warnings, {**templates, one.id: one})


_A_TEMPLATE: Final = """\
id: half-an-hour
title: Half an hour together
default: en
languages:
  en:
    subject: "More out of what {{ account.name }} already has"
    body: "Hello {{ contact.first_name | default('there') }}, would half an hour together help?"
"""
TEMPLATE: Final = Kind(TEMPLATES, TEMPLATE_SCHEMA, _template, example=_A_TEMPLATE)


class BesideTemplates(Beside[Templates]):
    """What a draft would say to somebody who doesn't exist."""

    checked = CheckedTemplate

    async def check(self, c: Any, draft: Draft[Templates], warnings: Sequence[speech.Fault]) -> speech.Checked:
        """With its samples."""
        del c
        samples = draft.whole[draft.id].samples()
        return CheckedTemplate.of(draft.id, warnings, samples)


def routes(uow: UnitOfWork, clock: Clock, in_force: InForce[Templates]) -> tuple[Router, ...]:
    """`/v1/templates` and `/v1/rules`."""
    return (
        document_routes(TEMPLATE, in_force, uow, clock, BesideTemplates()),
        together.routes("notifier", in_force, uow, clock, example=TEMPLATE.wanted),
    )
