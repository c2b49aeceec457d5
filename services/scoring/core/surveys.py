"""What a batch leaves of surveys beside the states: who was asked, and what they answered.

An answer to an invitation is one row however often it is changed, with what was said last; any other is a row of its
own. Of who was erased the score stays, for the figures, under a digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services.scoring.core.fold.people import answer_key, is_erased
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of
from shared.messages.feedback import Answered, SurveyInvited, SurveyKind

KEPT: Final = timedelta(days=730)
"""How long an answer is kept after it was given."""


class AnswerRow(NamedTuple):
    """One answer. `key` says which: see `answer_key`."""

    account_id: str
    key: str
    at: datetime
    source: str
    id: str
    kind: str
    survey_kind: SurveyKind
    contact_id: str
    erased: bool
    role: str | None
    score: int
    comment: str | None
    further: Mapping[str, Any] | None
    touchpoint: str | None
    survey_id: str | None
    product: str | None
    invitation_id: str | None


class InvitationRow(NamedTuple):
    """One invitation."""

    account_id: str
    invitation_id: str
    at: datetime
    source: str
    id: str
    contact_id: str
    role: str | None
    survey_id: str | None
    touchpoint: str | None
    measure: str | None
    survey_kind: str | None


def stamp(row: AnswerRow | InvitationRow) -> tuple[datetime, str, str]:
    """Of two rows with one key, the one that is greater by this stands."""
    return row.at, row.source, row.id


@dataclass(slots=True)
class Surveys:
    """Collects the rows of one transaction."""

    answers: dict[tuple[str, str], AnswerRow] = field(default_factory=dict)
    invitations: dict[tuple[str, str], InvitationRow] = field(default_factory=dict)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    """By account and contact: which of their roles weighs most now."""

    def note(self, account: Account, event: Event, data: Any, now: datetime) -> None:
        """What an event that was folded into this account leaves. What is too old to be kept leaves nothing."""
        if event.type == "contact.updated":
            if (role := account.state.role_of(data.contact_id)) is not None:
                self.roles[account.id, data.contact_id] = role
        elif account.state.erased or event.time < now - KEPT:
            return
        elif isinstance(data, Answered):
            row = _answer(account, event, data)
            _keep(self.answers, (row.account_id, row.key), row)
        elif isinstance(data, SurveyInvited):
            invited = _invitation(account, event, data)
            _keep(self.invitations, (invited.account_id, invited.invitation_id), invited)

    def forget(self, account: str, contact: str) -> list[str]:
        """Of a contact who is erased only scores stay, as if they had been erased before. Returns what they wrote."""
        theirs, digest = (account, contact), digest_of(contact)
        answers = {key: row for key, row in self.answers.items() if (row.account_id, row.contact_id) == theirs}
        nobodys: dict[str, Any] = {"contact_id": digest, "erased": True, "role": None, "comment": None, "further": None}
        self.answers.update({key: row._replace(**nobodys) for key, row in answers.items()})
        for key, invited in self.invitations.items():
            if (invited.account_id, invited.contact_id) == theirs:
                self.invitations[key] = invited._replace(contact_id=digest, role=None)
        return [row.comment for row in answers.values() if row.comment]


def _keep(rows: dict[tuple[str, str], Any], key: tuple[str, str], row: AnswerRow | InvitationRow) -> None:
    old = rows.get(key)
    if old is None or stamp(row) > stamp(old):
        rows[key] = row


def _answer(account: Account, event: Event, data: Answered) -> AnswerRow:
    erased = is_erased(account, data.contact_id)
    return AnswerRow(
        account.id,
        answer_key(event, data),
        event.time,
        event.source,
        event.id,
        event.type.removeprefix("feedback."),
        data.survey_kind,
        digest_of(data.contact_id) if erased else data.contact_id,
        erased,
        None if erased else account.state.role_of(data.contact_id),
        data.score,
        None if erased else data.comment,
        None if erased else data.answers,
        data.touchpoint,
        data.survey_id,
        data.product,
        data.invitation_id,
    )


def _invitation(account: Account, event: Event, data: SurveyInvited) -> InvitationRow:
    erased = is_erased(account, data.contact_id)
    who = digest_of(data.contact_id) if erased else data.contact_id
    role = None if erased else account.state.role_of(data.contact_id)
    of = data.survey_id, data.touchpoint, data.measure, data.survey_kind
    return InvitationRow(account.id, data.invitation_id, event.time, event.source, event.id, who, role, *of)
