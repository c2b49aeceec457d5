"""What goes out to a CRM and comes back as `account.updated` comes to rest: scoring and playbooks together, without a
database, and a CRM that sends its whole record back for whatever it hears, for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.playbooks.core.look import OURS
from services.playbooks.core.subscribed import Subscribed
from services.scoring.core.batch import Batch
from services.scoring.core.memory import Memory
from shared.messages.envelope import Event
from shared.messages.outward import WEBHOOK_TYPES, WebhookTold
from tests.support.desk import Office
from tests.support.scoring import NOW, SHIPPED, an_event, arrivals

ID = "acme"
TIER = """
id: tier
when: account.mrr_minor >= 100000
steps: [trait: {plan_tier: gold}]
"""
READS_IT = """
id: gilded
traits: {plan_tier: text}
when: account.traits.plan_tier == gold
steps: [trait: {greeted: 'yes'}, task: Greet them]
"""
ON_UPDATE = "id: updated\non_event: account.updated\nsteps: [task: See what changed]"
TRAITS: Any = {"plan_tier": "text", "greeted": "text", "keepwell_score": "number"}
RULES = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, traits=TRAITS))


class World:
    """Scoring, playbooks and a CRM that hears every webhook."""

    def __init__(self, *playbooks: str) -> None:
        self.now, self.memory = NOW, Memory(set(), {})
        self.office = Office(*playbooks)
        types = frozenset(WEBHOOK_TYPES)
        self.office.rules = self.office.rules._replace(subscribed=Subscribed(types, score_by=0.01))
        self.crm: dict[str, Any] = {"name": "Northwind", "mrr_minor": 420_000, "currency": "EUR", "seats": 10}
        self.heard: list[WebhookTold] = []
        self.assessments = 0
        self._number = 0

    def send(self, *events: Event, most: int = 40) -> None:
        """Let these come, and all that comes of them, until nothing does; more than `most` messages are a loop."""
        waiting, told = list(events), 0
        while waiting:
            told += 1
            assert told < most, "it goes on for ever"
            self.now += timedelta(seconds=1)
            waiting = [*waiting[1:], *self._take(waiting[0])]

    def record(self, source: str = "crm") -> Event:
        """All that the CRM knows, as it sends it."""
        return self.event(source, self.crm)

    def event(self, source: str, traits: Mapping[str, Any]) -> Event:
        self._number += 1
        sent = an_event("account.updated", account=ID, at=self.now, id=f"e-{self._number}", traits=dict(traits))
        return msgspec.structs.replace(sent, source=source)

    def _take(self, event: Event) -> Sequence[Event]:
        batch = Batch(self.now, RULES, self.memory)
        batch.take(ID, arrivals(event), behind=False)
        self.office.updated.clear()
        self.office.outward.clear()
        for one in batch.assessments:
            self.assessments += 1
            self.office.take(one.assessed)
        set_by_us = [self.event(OURS, one.traits) for one in self.office.updated]
        return [*set_by_us, *(self._hear(one) for one in self.office.outward)]

    def _hear(self, told: WebhookTold) -> Event:
        """As the examples do: health goes into fields of ours, traits into those of their name."""
        self.heard.append(told)
        if told.type == "health.changed":
            self.crm |= {"keepwell_score": told.data["score"], "keepwell_band": told.data["band"]}
        elif told.type == "traits.set":
            self.crm |= told.data["traits"]
        return self.record()

    def types(self) -> list[str]:
        found = [str(one.type) for one in self.heard]
        self.heard.clear()
        return found


def test_what_a_crm_echoes_comes_to_rest_after_one_round() -> None:
    world = World(TIER, READS_IT, ON_UPDATE)
    world.send(world.record())
    first = world.types()
    assert first.count("traits.set") == 2
    assert "task.opened" in first
    settled, before = world.assessments, dict(world.crm)
    world.send(world.record(), world.record())
    assert (world.types(), world.assessments, world.crm) == ([], settled, before)


def test_a_change_at_the_crm_is_told_once_and_its_echo_is_not() -> None:
    world = World(ON_UPDATE)
    world.send(world.record())
    world.types()
    tasks = len(world.office.open("task"))
    world.crm["seats"] = 50
    world.send(world.record())
    assert len([move for move in world.office.moves if move.reason == "account.updated came"]) == 2
    assert len(world.office.open("task")) == tasks
    number = len(world.office.moves)
    world.send(world.record(), world.record())
    assert len(world.office.moves) == number


def test_two_that_undo_each_other_with_a_crm_between_them_stop_as_well() -> None:
    way = "id: {}\ntraits: {{plan_tier: text}}\nwhen: account.traits.plan_tier == {}\nsteps: [trait: {{plan_tier: {}}}]"
    world = World(way.format("up", "tin", "gold"), way.format("down", "gold", "tin"))
    world.send(world.record())
    world.crm["plan_tier"] = "gold"
    world.send(world.record(), most=200)
    assert world.types().count("traits.set") == 10
    assert any("so often within a day" in move.reason for move in world.office.moves)


@pytest.mark.parametrize("moment", [NOW, NOW.replace(hour=23, minute=59, second=58)])
def test_what_is_ours_is_read_nowhere(moment: datetime) -> None:
    world = World(ON_UPDATE)
    world.now = moment
    world.send(world.record())
    world.types()
    before = world.memory.get(ID).account.state.traits
    known, moves, assessed = dict(before), len(world.office.moves), world.assessments
    world.send(*(world.event("crm", {"keepwell_score": number, "keepwell_band": "red"}) for number in range(5)))
    assert world.memory.get(ID).account.state.traits == known
    assert not any("keepwell" in name for name in known)
    assert world.office.facts.get("account.traits.keepwell_score") is None
    assert len(world.office.moves) == moves
    # Where midnight passes in between, time has made something of it.
    assert world.assessments - assessed <= 1
