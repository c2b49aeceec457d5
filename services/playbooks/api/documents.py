"""Playbooks and the people as documents, and what is told beside their texts."""

from collections.abc import Sequence
from typing import Any, Final

from services.playbooks import pausing, queries
from services.playbooks.documents.touches import Touches
from services.playbooks.files import CSMS, CSMS_SCHEMA, PLAYBOOK_SCHEMA, PLAYBOOKS, RuleFiles
from services.playbooks.views.playbooks import PlaybookView
from shared.clock import Clock
from shared.conditions import Problem
from shared.documents import speech, together
from shared.documents.in_force import InForce
from shared.documents.routes import Beside, Draft, Kind
from shared.documents.routes import routes as document_routes
from shared.documents.shelf import Version
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router


def _playbook(files: RuleFiles, text: bytes) -> Draft[RuleFiles]:
    entry, whole = files.with_playbook(text)
    return Draft(entry.playbook.id, entry.warnings, whole)


def _people(files: RuleFiles, text: bytes) -> Draft[RuleFiles]:
    people, whole = files.with_people(text)
    return Draft(CSMS[1], people.warnings, whole)


A_PLAYBOOK: Final = """\
id: few-features
title: They use little of it
when: usage.breadth < 40 %
held_for: 7d
steps:
  - task: "Show {{ account.name }} one feature more"
    due: 5 business days
"""
_A_DIRECTORY: Final = """\
csms:
  - id: ben
    name: Ben
    email: ben@example.com
    time_zone: Europe/Berlin
"""
PLAYBOOK: Final = Kind(PLAYBOOKS, PLAYBOOK_SCHEMA, _playbook, example=A_PLAYBOOK)
DIRECTORY: Final = Kind(CSMS[0], CSMS_SCHEMA, _people, only=CSMS[1], example=_A_DIRECTORY)


class BesidePlaybooks(Beside[RuleFiles]):
    """What playbooks achieved, and what the accounts say against them."""

    listed = PlaybookView

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def rows(self, c: Any, whole: RuleFiles, versions: Sequence[Version]) -> Sequence[speech.Listed]:
        """Each version in force with its playbook."""
        achieved = await queries.achieved(c)
        rules = whole.rules
        found = await queries.warnings(c, rules.library.loaded, rules.declared, self._clock.now())
        paused = await pausing.under_way(c)
        return [PlaybookView.made(one, whole.entries.get(one.id), achieved, found, paused) for one in versions]

    async def warnings(self, c: Any, draft: Draft[RuleFiles]) -> Sequence[Problem]:
        """Texts that it asks for and no account has."""
        only = [draft.whole.entries[draft.id]]
        return (await queries.warnings(c, only, draft.whole.rules.declared, self._clock.now()))[draft.id]


def routes(uow: UnitOfWork, clock: Clock, documents: InForce[RuleFiles]) -> tuple[Router, ...]:
    """`/v1/playbooks`, `/v1/csms` and `/v1/rules`."""
    return (
        document_routes(PLAYBOOK, documents, uow, clock, BesidePlaybooks(clock)),
        document_routes(DIRECTORY, documents, uow, clock),
        together.routes("playbooks", documents, uow, clock, Touches(clock), example=PLAYBOOK.wanted),
    )
