import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from services.playbooks.core.playbook import Repeat
from services.playbooks.core.strategy import Rule
from services.playbooks.core.workinghours import Duration
from services.playbooks.files import (
    SCHEMAS,
    SHIPPED,
    Beside,
    CsmFile,
    PlaybookFile,
    load_all,
    load_people,
    load_playbook,
    read_people,
)
from shared.conditions import Facts, Refused, Truth, evaluate
from shared.files.templates import render
from tests.support.playbooks import MONDAY, a_playbook

ADOPTION = """\
id: adoption-stalled
for_accounts:
  - account.stage == adopting
  - account.plan in [pro, enterprise]
when:
  - usage.breadth < 40 %
  - health.coverage >= 50 %
held_for: 7d                       # people go on holiday: look again after a week
exit_when:                         # default: `when` is false
  - usage.breadth >= 50 %
repeat: {after: 30d, at_most: 3 per 180d}    # after the later of firing and closing
steps:
  - task: "Walk {{ account.name }} through {{ usage.unused_features | first }}"
    assign:
      - owner
      - least_loaded: {tier: senior}
    due: 2 business days
  - after: 3 business days
    unless: task.done
    alert: {channel: "slack:#cs-escalations", severity: high}
"""


def refused(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        load_playbook(text, "p.yaml")
    return [str(problem).splitlines()[0] for problem in caught.value.problems]


def test_the_guides_example_loads() -> None:
    playbook = a_playbook(ADOPTION)
    task, alert = playbook.steps
    assert playbook.title == "Adoption stalled"
    assert playbook.held_for.words == "7 days"
    assert playbook.repeat == Repeat(after=Duration(30 * 86_400), at_most=3, per=Duration(180 * 86_400))
    assert (task.kind, alert.kind) == ("task", "alert")
    assert (task.due, task.assign) == (Duration(business_days=2), (Rule(), Rule("least_loaded", tier="senior")))
    assert (alert.channel, alert.severity) == ("slack:#cs-escalations", "high")
    assert alert.title == "Adoption stalled"


@pytest.mark.parametrize("channel", ["teams", "chat"])
def test_an_alert_goes_to_the_webhook_of_a_chat(channel: str) -> None:
    _, alert = a_playbook(ADOPTION.replace('"slack:#cs-escalations"', channel)).steps
    assert alert.channel == channel


def test_the_version_is_of_the_content_alone() -> None:
    plain = a_playbook("id: x\nwhen: support.open > 3\nsteps: [alert: Hi]").version
    assert a_playbook("# a comment\nwhen:  support.open > 3\nid: x\nsteps:\n - alert: Hi").version == plain
    assert a_playbook("id: x\nwhen: support.open > 4\nsteps: [alert: Hi]").version != plain


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("usage.breadth < 40", "usage.bredth < 40", "p.yaml:6:5: There is no fact `usage.bredth`. Did you mean"),
        ("held_for: 7d", "held_for: a week", "p.yaml:8:11: 'a week' is no duration; write one such as 30m"),
        ("held_for: 7d", "held_fro: 7d", "p.yaml:8:1: There is no field `held_fro`. Did you mean `held_for`?"),
        ("3 per 180d", "often", "p.yaml:11:31: 'often' is no limit; write one such as 3 per 180d."),
        ("account.name }}", "account.nmae }}", "p.yaml:13:11: There is no fact `account.nmae`. Did you"),
        ("| first }}", "| frist", "p.yaml:13:11: The text can't be filled in:"),
        ("- owner", "- ownr", "p.yaml:15:9: `ownr` is no rule for assigning. Did you mean `owner`?"),
        ("tier: senior", "teir: senior", "p.yaml:16:24: There is no field `teir`. Did you mean `tier`?"),
        ("task.done", "task.dune", "p.yaml:19:13: There is no fact `task.dune`. Did you mean `task.done`?"),
        ("severity: high", "severity: awful", "p.yaml:20:57: `severity` is never `awful`: it is one of info, low"),
        ('"slack:#cs-escalations"', "fax", "p.yaml:20:22: A channel is slack:@owner, slack:#name, slack:ID,"),
        ("id: adoption-stalled", "title: Adoption", "p.yaml:1:1: `id` is missing."),
        ("    alert: {", "    nothing: {", "p.yaml:20:5: There is no field `nothing`."),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_place(before: str, after: str, said: str) -> None:
    assert any(line.startswith(said) for line in refused(ADOPTION.replace(before, after, 1)))


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        ADOPTION.replace("usage.breadth < 40", "usage.bredth < 40").replace("tier:", "teir:").replace("7d", "7 parsecs")
    )
    assert len(refused(text)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: x\nsteps: [alert: Hi]", "A playbook needs `when`, `on_event`, or both."),
        ("id: x\non_event: feedback.nsp\nsteps: [alert: Hi]", "Did you mean `feedback.nps`?"),
        ("id: x\non_event: usage.recorded\nsteps: [alert: Hi]", "is no event that a playbook can wait for"),
        ("id: x\non_event: feedback.nps\nwhen: event.scor < 6\nsteps: [alert: Hi]", "Did you mean `event.score`?"),
        ("id: x\nwhen: support.open > 3\nheld_for: 4 business hours\nsteps: [alert: Hi]", "or in whole business days"),
        ("id: x\non_event: feedback.nps\nheld_for: 1d\nsteps: [alert: Hi]", "An event can't be held"),
        ("id: x\nwhen: support.open > 3\nsteps: []", "p.yaml:3:8: `steps` needs at least 1."),
        ("id: x\nwhen: support.open > 3\nsteps: [{alert: Hi, due: 1d}]", "Only a task has `due`."),
        ("id: x\nwhen: event.score > 3\nsteps: [alert: Hi]", "known only in the conditions of an `on_event`"),
        ("- just\n- a list", "Here belongs a mapping"),
        ("id: x\nid: y", "p.yaml:2:1: `id` is here twice; first in line 1."),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, said: str) -> None:
    assert any(said in line for line in refused(text))


def test_a_playbook_may_close_only_what_exists(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("id: a\nwhen: support.open > 3\ncloses: [bb]\nsteps: [alert: Hi]")
    (tmp_path / "b.yaml").write_text("id: b\nwhen: support.open > 3\nsteps: [alert: Hi]")
    with pytest.raises(Refused, match="`a` closes `bb`, which is no playbook"):
        load_all(tmp_path)


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("id: a\nwhen: support.open > 3\nsteps: [alert: Hi]")
    with pytest.raises(Refused, match="Another file has the id `a` already"):
        load_all(tmp_path)


def test_declared_traits_can_be_named() -> None:
    playbook = a_playbook(
        "id: x\ntraits: {tier: text}\nwhen: account.traits.tier == gold\nsteps: [alert: '{{ account.traits.tier }}']"
    )
    assert playbook.when is not None
    assert (
        "The trait `tier` is not declared."
        in refused("id: x\nwhen: account.traits.tier == gold\nsteps: [alert: Hi]")[0]
    )


def test_watched_features_can_be_named() -> None:
    text = (
        "id: x\nwatch: [messages]\nwhen: usage.feature.messages.days_7 < 5\nheld_for: 7d\n"
        "steps: [alert: '{{ usage.feature.messages.days_7 }} in a week']"
    )
    playbook = a_playbook(text)
    facts = Facts.of({"account.id": "acme", "usage.feature.messages.days_7": 3.0})
    assert playbook.when is not None
    assert evaluate(playbook.when, facts, MONDAY) is Truth.TRUE
    assert render(playbook.steps[0].title, facts, MONDAY) == "3 in a week"
    assert "`usage.feature.messages.days_7` is no fact of a watched feature." in "".join(
        refused(text.replace("watch: [messages]\n", ""))
    )


class TestSchema:
    @pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
    def test_the_file_for_editors_is_the_one_that_the_code_makes(self, path: Path) -> None:
        # After a change: make generated
        assert json.loads(path.read_text(encoding="utf-8")) == SCHEMAS[path].made()

    def test_what_ships_passes_and_a_slip_does_not(self, tmp_path: Path) -> None:
        slip = tmp_path / "slip.yaml"
        slip.write_text("id: x\nwhen: usage.bredth < 40 %\nsteps: [alert: Hi]", encoding="utf-8")
        assert self.check("playbook", *SHIPPED.glob("*.yaml")) == 0
        assert self.check("playbook", slip) == 1
        assert self.check("csms", SHIPPED.with_name("csms.example.yaml")) == 0

    def check(self, schema: str, *files: Path) -> int:
        path = SHIPPED.with_name(f"{schema}.schema.json")
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(path), *map(str, files)]
        return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_folder_without_playbooks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="There is no playbook in this folder"):
        load_all(tmp_path)


class TestPeople:
    def test_the_example_loads(self) -> None:
        example = Path("services/playbooks/csms.example.yaml").read_text(encoding="utf-8")
        directory = read_people(example, "csms.yaml")
        senior = directory.find("SENIOR-EAST@example.com")
        assert senior is not None
        assert (senior.id, senior.hours.time_zone, senior.capacity, senior.manager) == (
            "senior-east",
            "Europe/Berlin",
            25,
            "lead",
        )

    def test_quoted_keys_and_json_are_yaml_too(self) -> None:
        plain = read_people("csms:\n  - id: a\n    name: A\n    capacity: 3\n", "csms.yaml")
        for text in (
            "csms:\n  - \"id\": a\n    'name': A\n    capacity: 3\n",
            '{"csms": [{"id": "a", "name": "A", "capacity": 3}]}',
        ):
            assert read_people(text, "csms.yaml").csms == plain.csms

    def test_what_is_quoted_can_be_sent_like_all_else(self) -> None:
        quoted = 'csms:\n  - id: "a"\n    name: |-\n      Ann\n    email: \'a@example.com\'\n    skills: ["x"]\n'
        [csm] = read_people(quoted, "csms.yaml").csms
        assert [type(text) for text in (csm.id, csm.name, csm.email, *csm.skills)] == [str] * 4
        assert msgspec.json.decode(msgspec.json.encode((csm.id, csm.name, csm.email))) == ["a", "Ann", "a@example.com"]

    def test_a_mistake_behind_a_quoted_key_keeps_its_place(self) -> None:
        with pytest.raises(Refused, match=r"csms\.yaml:3:5: There is no field `nome`. Did you"):
            read_people('"csms":\n  - id: a\n    "nome": A\n', "csms.yaml")

    @pytest.mark.parametrize(
        ("roles", "said"),
        [
            ("{ops: leah}", "c.yaml:4:14: `ops` is `leah`, who is not in the directory. Did you mean `lea`?"),
            ("{ops: email}", "c.yaml:4:14: A role is a person's, or a channel's that needs nobody"),
            ("{ops: team}", "c.yaml:4:14: `ops` is `team`, who is not in the directory."),
            ("{boss: lea}", "c.yaml:4:9: There is no field `boss`."),
        ],
    )
    def test_a_role_is_somebodys(self, roles: str, said: str) -> None:
        with pytest.raises(Refused, match=re.escape(said)):
            read_people(f"csms:\n  - {{id: lea, name: Lea}}\n\nroles: {roles}", "c.yaml")

    def test_a_role_is_a_channel_that_others_read(self) -> None:
        people = read_people(
            "csms: [{id: lea, name: Lea, email: lea@example.com}]\nroles: {ops: teams, sales: chat}", "c"
        )
        assert (people.role("ops"), people.role("sales")) == ("teams", "chat")

    def test_nobody_is_above_their_own_managers(self) -> None:
        people = "".join(
            f"  - {{id: {one}, name: {one}, manager: {above}}}\n" for one, above in ("ab", "bc", "ca", "db")
        )
        with pytest.raises(Refused) as caught:
            read_people(f"csms:\n{people}", "c.yaml")
        assert [str(one).partition(",")[0] for one in caught.value.problems] == [
            f"c.yaml:{line}:31: `{one}` is" for line, one in ((2, "a"), (3, "b"), (4, "c"))
        ]

    def test_a_step_names_roles_in_its_list_and_as_its_channel(self) -> None:
        (step,) = load_playbook(
            "id: x\nwhen: support.open > 3\nsteps: [{alert: Hi, channel: ops, assign: [owner, lead]}]", "p.yaml"
        ).playbook.steps
        assert step.channel is None
        assert step.assign == (Rule("role", "ops"), Rule(), Rule("role", "lead"))

    def test_no_file_is_an_empty_directory(self, tmp_path: Path) -> None:
        assert load_people(tmp_path / "none.yaml").csms == ()

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("time_zone: Mars", "csms.yaml:4:16: There is no time zone `Mars`"),
            ("hours: 17:00-09:00", "csms.yaml:4:12: `17:00-09:00` are no working hours"),
            ("manager: nobody", "csms.yaml:4:14: The manager `nobody` is not in the directory."),
            (
                "days: [mon, Mondy]",
                "csms.yaml:4:17: `Mondy` is no day of the week; write monday or mon. Did you",
            ),
            ("capacity: 0", "csms.yaml:4:15: `capacity` should be greater than or equal to 1, not `0`."),
        ],
    )
    def test_mistakes_are_named_with_their_place(self, line: str, said: str) -> None:
        with pytest.raises(Refused) as caught:
            read_people(f"csms:\n  - id: a\n    name: A\n    {line}\n", "csms.yaml")
        assert said in str(caught.value)

    def test_a_playbook_names_only_who_is_there(self) -> None:
        text = "id: x\nwhen: support.open > 3\nsteps: [{alert: Hi, assign: [person: lead]}]"
        load_playbook(text, "p.yaml", Beside(read_people("csms: [{id: lead, name: Lead, inbox: true}]", "c")))
        with pytest.raises(Refused, match=r"p.yaml:3:38: `lead` is not in the directory of CSMs. Did you mean `leah`"):
            load_playbook(text, "p.yaml", Beside(read_people("csms: [{id: leah, name: Leah}]", "c")))

    def test_nobody_is_there_twice(self) -> None:
        with pytest.raises(Refused, match="there twice"):
            read_people(
                "csms:\n  - {id: a, name: A, email: x@example.com}\n  - {id: b, name: B, email: X@example.com}", "c"
            )


def wrong_with(load: Callable[[str, str], object], text: str) -> list[str]:
    try:
        load(text, "p.yaml")
    except Refused as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("field", list(PlaybookFile.model_fields))
def test_a_key_without_a_value_is_as_if_left_out_or_is_refused_with_its_place(field: str) -> None:
    lines = {"id": "x", "when": "usage.breadth < 40 %", "steps": "[alert: Hi]", field: ""}
    wrong = wrong_with(load_playbook, "\n".join(f"{name}: {value}" for name, value in lines.items()))
    assert all(re.match(rf"p\.yaml:\d+:\d+: .*`{field}`", one) for one in wrong)


@pytest.mark.parametrize("key", ["", "1", "2021-01-01", "true"])
def test_a_key_that_is_no_text_is_refused_with_its_place(key: str) -> None:
    (problem,) = refused(f"id: x\nwhen: usage.breadth < 40 %\n{key}: y\nsteps: [alert: Hi]")
    assert problem.startswith("p.yaml:3:1: There is no field")


@pytest.mark.parametrize("field", list(CsmFile.model_fields))
def test_a_person_with_an_empty_field_is_read_or_refused_with_its_place(field: str) -> None:
    lines = {"id": "a", "name": "A", field: ""}
    wrong = wrong_with(read_people, "csms:\n  - " + "\n    ".join(f"{name}: {value}" for name, value in lines.items()))
    assert all(re.match(r"p\.yaml:\d+:\d+: ", one) for one in wrong)


def test_who_gives_no_hours_is_reached_at_any_time_on_the_installations_clock() -> None:
    people = read_people(
        "time_zone: Europe/Berlin\nholidays: [2026-12-25]\n"
        "csms: [{id: ana, name: Ana}, {id: ben, name: Ben, days: [mon]}, "
        "{id: cal, name: Cal, hours: 08:00-12:00, time_zone: UTC}]",
        "csms.yaml",
    )
    hours = [people.person(name).hours for name in ("ana", "ben", "cal", "stranger@example.com")]
    assert [(one.time_zone, one.any_time) for one in hours] == [
        ("Europe/Berlin", True),
        ("Europe/Berlin", False),
        ("UTC", False),
        ("Europe/Berlin", True),
    ]
    assert people.office.holidays == {date(2026, 12, 25)}
