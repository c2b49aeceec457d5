"""What somebody wants who sent the form of their digest: it counts where it is their own."""

from typing import Final

from services.playbooks.core.changes import Outgoing
from services.playbooks.core.directory import Directory
from services.playbooks.core.look import OURS
from shared.messages import envelope
from shared.messages.preferences import PreferencesChosen, PreferencesWanted
from shared.messages.registry import COMPANY

_TYPE: Final = "preferences.chosen"


def chosen(directory: Directory, wanted: PreferencesWanted) -> Outgoing | None:
    """What is told on of it; None where a stranger sent it, or somebody whose they are not."""
    person = directory.find(wanted.actor)
    if person is None or directory.find(wanted.person) is not person:
        return None
    data = PreferencesChosen(person=person.id, preferences=wanted.preferences, actor=person.id, at=wanted.at)
    id = f"{wanted.response_id}-chosen"
    return Outgoing(envelope.wrap(data, id=id, source=OURS, type=_TYPE, subject=COMPANY, time=wanted.at))
