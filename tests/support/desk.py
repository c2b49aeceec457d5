"""The playbooks service without a database: assessments, time and people's moves in; items and messages out."""

from datetime import datetime
from typing import Any

import msgspec

from services.playbooks.core import desk, muting, reminding, seating, settling, writing
from services.playbooks.core.assignment import Load
from services.playbooks.core.commands import Command
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.erasing import left_with
from services.playbooks.core.interruptions import Interruption, after_mark
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.moved import MovedItem
from services.playbooks.core.outcomes import Firing, Outcome, Sending
from services.playbooks.core.rules import Library, Pause, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.sweep import heed, introduce
from services.playbooks.core.work import Work
from services.playbooks.core.writing import Written, written_id
from services.playbooks.files import load_playbook, read_people
from shared.files.templates import render
from shared.messages import registry
from shared.messages.accounts import InteractionLogged, NoteAdded, OpenAccountUpdated
from shared.messages.actions import ActionCancelled, ActionRequested, ItemChanged
from shared.messages.assessments import AccountAssessed, Cause, PartitionMark
from shared.messages.deliveries import DeliveryResponded
from shared.messages.outward import WebhookTold
from tests.support.playbooks import an_assessment


class Office:
    """One account, some playbooks and people. What is asked for is in `sent`; what happened since, too."""

    def __init__(self, *playbooks: str, people: str = "csms: []") -> None:
        self._entries = [load_playbook(one, "test.yaml") for one in playbooks]
        self.rules = Rules(Library(self._entries), read_people(people, "csms.yaml"), render)
        self.interruptions: tuple[Interruption, ...] = ()
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, Episode] = {}
        self.items: dict[str, Item] = {}
        self.loads: dict[str, Load] = {}
        self.moves: list[Move] = []
        self.sent: list[ActionRequested] = []
        self.cancelled: list[ActionCancelled] = []
        self.changed: list[ItemChanged] = []
        self.updated: list[OpenAccountUpdated] = []
        self.outward: list[WebhookTold] = []
        """What other systems were told."""
        self.logged: list[InteractionLogged | NoteAdded] = []
        """What was written on the account's timeline."""
        self.timers: dict[str, datetime] = {}
        self.moved: list[MovedItem] = []
        self.former: dict[str, Csm] = {}
        self.firings: list[Firing] = []
        self.touches: list[tuple[str, str, datetime]] = []
        """Episode, who, when: every one of them; the first is kept."""
        self.outcomes: list[Outcome] = []
        self.sendings: list[Sending] = []
        self._rev = 0
        self.facts: dict[str, Any] = {}

    def adopt(self, playbook: str) -> None:
        """Take one more playbook, or another version."""
        entry = load_playbook(playbook, "test.yaml")
        before = [one for one in self._entries if one.playbook.id == entry.playbook.id]
        self._entries = [*(one for one in self._entries if one not in before), entry]
        library = Library(self._entries)
        for one in before:
            library.add(one.playbook.id, one.playbook.version, one.playbook)
        self.rules = self.rules._replace(library=library)

    def hear(self, at: datetime, *interrupted: str) -> None:
        """A mark that says which sources are interrupted."""
        mark = PartitionMark(through=at, interrupted=dict.fromkeys(interrupted, at))
        self.interruptions = after_mark(self.interruptions, mark)

    def assess(self, at: datetime, facts: dict[str, Any], **others: Any) -> list[ActionRequested]:
        """An assessment; returns what it asked for."""
        work, self._rev, self.facts = self._work(), self._rev + 1, facts
        work.assess("northwind", an_assessment(self._rev, at, facts, **others), {})
        return self._save(work)

    def take(self, assessed: AccountAssessed) -> list[ActionRequested]:
        """An assessment as scoring told it."""
        work = self._work()
        work.assess("northwind", assessed, {})
        return self._save(work)

    def event(self, at: datetime, type: str, id: str = "", source: str = "app", **data: Any) -> list[ActionRequested]:
        """An assessment right after an event, with the facts as they were."""
        cause = Cause(kind="event", source=source, id=id or at.isoformat(), type=type, time=at, accepted=at, data=data)
        return self.assess(at, self.facts, cause=cause)

    def wait(self, until: datetime) -> list[ActionRequested]:
        """Let the account's timer come due at that instant."""
        work = self._work()
        work.changes.beside.meet(self.items.values())
        work.time("northwind", until)
        for item in self.items.values():
            if item.state == "snoozed" or (item.state in ("open", "taken") and item.due_at is not None):
                reminding.remind(work, item)
        return self._save(work)

    def do(self, item: Item, event: str, at: datetime, actor: str = "ana", **said: Any) -> list[ActionRequested]:
        """A person's move."""
        work = self._work()
        heed(work, "northwind")
        work.changes.beside.meet(self.items.values())
        desk.move(work, self.items[item.id], Command(event, **said), actor, at)
        return self._save(work)

    def write(self, at: datetime, title: str, actor: str = "ana", key: str = "", **wanted: Any) -> Item:
        """A task that a person writes by hand."""
        work = self._work()
        work.changes.beside.meet(self.items.values())
        id = written_id(actor, key or title)
        writing.write(work, "northwind", Written(title, **wanted), id, actor, at)
        self._save(work)
        return self.items[id]

    def mute(
        self, at: datetime, until: datetime, reason: str = "lawyers talk", actor: str = "lee"
    ) -> list[ActionRequested]:
        """A person mutes the account; with `until` at once, that is over."""
        work = self._work()
        work.changes.beside.meet(self.items.values())
        if until > at:
            muting.mute(work, "northwind", until, reason, actor, at)
        else:
            muting.unmute(work, "northwind", actor, at)
        return self._save(work)

    def pause(self, *pauses: Pause) -> None:
        """These are the pauses of playbooks from now on."""
        self.rules = self.rules._replace(library=Library(self._entries, pauses))

    def meet(self, at: datetime) -> list[ActionRequested]:
        """The account's turn has come to meet what is new."""
        work = self._work()
        introduce(work, "northwind", at)
        return self._save(work)

    def answer(self, response: DeliveryResponded, account: str = "northwind") -> list[ActionRequested]:
        """A recipient's answer to a message about an account."""
        work = self._work()
        work.changes.beside.meet(self.items.values())
        desk.respond(work, account, self.items.values(), response)
        return self._save(work)

    def settle(self) -> None:
        """All that was sent has been delivered."""
        told = {item.id: item._replace(delivery="delivered") for item in self.items.values()}
        self.items.update(told)

    def only(self, kind: str) -> Item:
        """The one item of a kind."""
        (found,) = [item for item in self.items.values() if item.kind == kind]
        return found

    def open(self, kind: str) -> list[Item]:
        """The items of a kind that are open."""
        return [item for item in self.items.values() if item.kind == kind and item.state in OPEN]

    def _work(self) -> Work:
        known = self.standings.values(), self.episodes.values()
        work = Work(self.rules, *known, interruptions=self.interruptions)
        work.former = self.former
        return work

    def _save(self, work: Work) -> list[ActionRequested]:
        settling.close(work, [item for item in self.items.values() if item.state in OPEN])
        needed = {*settling.people(work), *seating.people(work)}
        loads = {id: self.loads.get(id, Load()) for id in needed}
        seating.seat(work, loads)
        self.loads |= settling.carry_out(work, loads)
        seating.watch(work)
        changes = work.changes
        changes.tell_others(left_with([one.forgetting for one in changes.forgotten], changes.episodes.values()))
        self.timers |= changes.timers
        self.standings |= changes.standings
        self.items |= changes.items
        self.moves += changes.moves
        self.moved += changes.moved
        self.firings += changes.firings
        self.touches += [(id, who, at) for id, (at, who) in changes.touches.items()]
        self.outcomes += changes.outcomes
        self.sendings += changes.sendings
        self.episodes |= changes.episodes
        for id in changes.retired:
            self.episodes.pop(id, None)
        told = [registry.data_of(message.event) for message in changes.out]
        asked = [one for one in told if isinstance(one, ActionRequested)]
        self.sent += asked
        self.cancelled += [one for one in told if isinstance(one, ActionCancelled)]
        updates = [one.event for one in changes.out if one.event.type == "account.updated"]
        self.updated += [msgspec.json.decode(one.data, type=OpenAccountUpdated) for one in updates]
        self.changed += [one for one in told if isinstance(one, ItemChanged)]
        self.outward += [one for one in told if isinstance(one, WebhookTold)]
        self.logged += [one for one in told if isinstance(one, InteractionLogged | NoteAdded)]
        return asked
