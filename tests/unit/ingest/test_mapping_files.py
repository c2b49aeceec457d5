"""Mappings as people write them: read whole, or refused with every fault and its place."""

import json
from pathlib import Path

import msgspec
import pytest

from services.ingest.core.dialects import openmeter, posthog, segment
from services.ingest.core.mapping import DEFAULT, KINDS, Mapping, Rule
from services.ingest.core.senders import Sender
from services.ingest.files import MAPPINGS, SCHEMAS, read_texts, shipped
from services.ingest.receiving.understanding import Understanding
from shared.conditions import Refused
from shared.documents.in_force import InForce
from shared.documents.shelf import Version
from tests.support.documents import blocks
from tests.support.shelf import FakeShelf, NoDatabase
from tests.support.stream import NOON

WEB = """\
id: web
for_sources: [segment-prod]
account: [context.groupId, properties.workspace_id]
usage:
  - event: "Report *"
    feature: reports
    quantity: properties.count
  - {event: Export, feature: {from: properties.report_type}}
milestones:
  - {event: Onboarding Completed, milestone: go_live}
events:
  - event: Survey Answered
    type: feedback.nps
    data: {contact_id: userId, score: properties.score, survey_kind: {is: relational}}
traits: {plan_name: plan, mrr: {to: mrr_minor, times: 100}}
drop:
  - "Heartbeat*"
  - {kind: page}
drop_traits: [internal_notes]
otel: {account: [tenant.id], feature: app.feature}
"""


def understood(**texts: str) -> dict[str, Mapping]:
    """By source, of what ships and these."""
    keyed = {(MAPPINGS, id): text.encode() for id, text in texts.items()}
    versions = dict.fromkeys(keyed, 3)
    return read_texts({**shipped(), **keyed}).understood(versions)


def faults(text: str, **others: str) -> list[str]:
    """What is wrong, as `line:column: words`."""
    with pytest.raises(Refused) as refused:
        read_texts({(MAPPINGS, id): one.encode() for id, one in {**others, "web": text}.items()})
    return [str(one).removeprefix("mappings/web:") for one in refused.value.problems]


def test_what_ships_says_what_holds_where_nobody_has_said_anything() -> None:
    (one,) = read_texts(shipped()).files.values()
    found = one.over(DEFAULT, whole=True)
    rules = [msgspec.structs.replace(rule, by="") for rule in found.rules]
    assert msgspec.structs.replace(found, rules=rules) == DEFAULT


def test_a_mapping_says_all_of_this() -> None:
    web = understood(web=WEB)["segment-prod"]
    assert (web.label, web.account) == ("web@3", [("context", "groupId"), ("properties", "workspace_id")])
    score = {"contact_id": ("userId",), "score": ("properties", "score")}
    assert list(web.rules[:6]) == [
        Rule(event="Onboarding Completed", type="milestone.reached", milestone="go_live", by="web@3"),
        Rule(event="Survey Answered", type="feedback.nps", data=score, fixed={"survey_kind": "relational"}, by="web@3"),
        Rule(event="Report *", feature="reports", quantity=("properties", "count"), by="web@3"),
        Rule(event="Export", feature=("properties", "report_type"), by="web@3"),
        Rule(event="Heartbeat*", type="", by="web@3"),
        Rule(event="*", kind="page", type="", by="web@3"),
    ]
    assert web.traits == {"plan_name": "plan", "mrr": "mrr_minor"}
    assert (web.times, web.drop_traits) == ({"mrr": 100}, frozenset({"internal_notes"}))
    assert (web.otel_account, web.otel_feature, web.otel_user) == (("tenant.id",), ("app.feature",), DEFAULT.otel_user)


def test_a_trait_that_looks_misspelt_is_a_warning_as_it_may_be_your_own() -> None:
    text = WEB.replace("to: mrr_minor", "to: mrr_minr").replace("plan_name: plan", "staff: employees")
    one, _ = read_texts({}).with_draft(text.encode())
    [warning] = one.warnings
    assert str(warning) == ("line 15, column 33: `mrr_minr` is no trait that Keepwell knows. Did you mean `mrr_minor`?")


def test_a_rule_may_name_the_kinds_that_clients_records_have() -> None:
    assert set(KINDS) == {*segment.KINDS, posthog.KIND, openmeter.KIND, "span", "log"}
    text = WEB.replace("{kind: page}", f"{{kind: {openmeter.KIND}}}")
    assert understood(web=text)["segment-prod"].rule_for(openmeter.KIND, "tokens") is not None


def test_the_mapping_in_the_guide_can_be_used() -> None:
    guide = next(one.text for one in blocks() if (one.document, one.language) == ("docs/mappings.md", "yaml"))
    web = understood(web=guide)["segment-prod"]
    assert len([rule for rule in web.rules if rule.by == "web@3"]) == 6
    assert web.otel_user == ("enduser.id",)


def test_what_a_mapping_leaves_open_goes_by_the_one_for_all() -> None:
    default = "id: default\ntraits: {a: b, c: d}\ndrop_traits: [e]\ndrop: [Ping]\n"
    own = "id: web\nfor_sources: web\nusage: [{event: x, feature: y}]\ntraits: {c: z, e: f}\n"
    found = understood(default=default, web=own.replace("web\n", "[web]\n", 2).replace("id: [web]", "id: web"))
    web = found["web"]
    assert [(rule.event, rule.by) for rule in web.rules] == [("x", "web@3"), ("Ping", "default@3")]
    assert web.account == DEFAULT.account
    assert (web.traits, web.drop_traits) == ({"a": "b", "c": "z", "e": "f"}, frozenset())
    assert found[""].label == "default@3"


def test_where_the_one_for_all_is_removed_what_ships_holds() -> None:
    assert read_texts({}).understood({}) == {"": DEFAULT}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("id: web", "id: check", "1:5: `check` can't be the id of a mapping"),
        ("id: web", "id: other", "1:5: The text says that it is `other`, and is put as `web`"),
        ("for_sources: [segment-prod]", "", "1:5: This says for which sources it is in no line"),
        ("context.groupId,", "context..groupId,", "3:11: `context..groupId` leads nowhere."),
        ("usage:", "usages:", "4:1: There is no field `usages`. Did you mean `usage`?"),
        ('"Report *"', '""', "5:12: A pattern without a letter fits nothing."),
        ('"Report *"', '"Report **"', "5:12: `Report **` has too many `*`."),
        ('event: "Report *"', "but: [x]", "5:5: This says neither `event` nor `kind`."),
        ("feature: reports", "featur: reports", "6:5: There is no field `featur`. Did you mean `feature`?"),
        ("quantity: properties.count", "quantity: 3", "7:15: `quantity` must be text, not `3`."),
        ("{from: properties.report_type}", "{form: x}", "8:31: There is no field `form`. Did you mean `from`?"),
        ("milestone: go_live", "milestone: ", "10:35: `milestone` has no value."),
        ("feedback.nps", "feedback.npss", "13:11: `feedback.npss` is no type of event that a mapping can make. Did"),
        ("feedback.nps", "usage.recorded", "13:11: `usage.recorded` is what `usage` makes."),
        ("feedback.nps", "account.erased", "13:11: No mapping makes `account.erased`: that can't be taken back."),
        ("contact_id:", "contact:", "14:12: `feedback.nps` has no field `contact`. Did you mean `contact_id`?"),
        ("contact_id:", "contact:", "14:11: `feedback.nps` needs `contact_id` in its `data`."),
        ("relational", "relation", "14:75: `survey_kind` of `feedback.nps` is never `relation`."),
        ("times: 100", "times: 0", "15:55: `times` should be greater than 0, not `0`."),
        ("{kind: page}", "{kind: pag}", "18:12: `pag` is no kind of record. Did you mean `page`?"),
        ('"Heartbeat*"', '"Report Heartbeat*"', "17:5: This never counts: what stands in line 5 takes all of it."),
        ("internal_notes", "plan_name", "19:15: `plan_name` is renamed, and dropped as well."),
        ("[tenant.id]", "[]", "20:17: `account` needs at least 1."),
    ],
)
def test_a_fault_is_told_with_its_place(before: str, after: str, said: str) -> None:
    assert before in WEB
    found = faults(WEB.replace(before, after, 1))
    assert any(one.startswith(said) for one in found), found


def test_all_faults_are_told_at_once() -> None:
    assert len(faults(WEB.replace("page}", "pag}").replace("feature:", "featur:"))) > 2


def test_a_source_goes_by_one_mapping() -> None:
    other = WEB.replace("id: web", "id: app")
    assert faults(WEB, app=other) == ["2:15: `segment-prod` has a mapping already: `app`. A source goes by one."]
    one, _ = read_texts({(MAPPINGS, "app"): other.encode()}).with_draft(other.encode())
    assert one.id == "app"
    with pytest.raises(Refused, match=r"line 2, column 15: `segment-prod` has a mapping already"):
        read_texts({(MAPPINGS, "app"): other.encode()}).with_draft(WEB.encode())


def test_the_one_for_all_names_no_source() -> None:
    with pytest.raises(Refused, match=r"default:2:14: `default` is for every source"):
        read_texts({(MAPPINGS, "default"): b"id: default\nfor_sources: [a]\n"})


async def test_a_sender_goes_by_the_mapping_of_its_source_and_its_version() -> None:
    shelf = FakeShelf([MAPPINGS])
    in_force = InForce(shelf, shipped(), read_texts)
    understanding = Understanding(in_force)
    web, other = Sender("segment-prod"), Sender("app")
    assert understanding.of(web).label == "default"
    await in_force.begin(NoDatabase(), NOON)
    assert understanding.of(web).label == "default@1"
    for version in (1, 2):
        text = f"{WEB}# {version}\n".encode()
        await shelf.add(None, [Version(MAPPINGS, "web", version, text, "application/yaml", "ana", NOON, shipped=False)])
        await in_force.refresh(None)
        assert (understanding.of(web).label, understanding.of(other).label) == (f"web@{version}", "default@1")
    rule = understanding.of(web).rule_for("track", "Heartbeat 1")
    assert rule is not None
    assert understanding.of(web).why_dropped(rule) == "dropped by web@2: drop 'Heartbeat*'"
    assert understanding.of(web) is understanding.of(web), "it is read once"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_editors_find_the_schema_of_what_the_code_reads(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMAS[path].made()
