import re
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models import blocks as kit

from services.notifier.channels.blocks import render
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from services.notifier.core.message import Message, Reason
from services.notifier.core.together import compose_group
from shared.messages.actions import FlagCard, Recipient, TaskCard
from shared.messages.assessments import Driver
from tests.support.notifier import (
    NOW,
    THE_OWNER,
    a_flag,
    alerts_that_turned_red,
    an_account,
    an_action,
    an_alert,
)

RENDERER = Renderer()


def a_driver(points: int, reason: str) -> Driver:
    return Driver(kind="measure", name=reason, points=points, reason=reason)


def test_a_task_reads_as_the_product_promises() -> None:
    assert RENDERER.text(compose(an_action(why=[]), NOW)) == (
        "Call their admin\n"
        "\n"
        "Northwind · Pro · €4,200/month · renews in 41 days      74 → 52 amber\n"
        '   −13  their admin scored us 2: "third time support lost our ticket"\n'
        "    −9  urgent ticket T-118 open for 5 days\n"
        "\n"
        "→ Ask what went wrong with the lost tickets, and say who will fix it by when.\n"
        "\n"
        "Task · due tomorrow 15:00 · just now\n"
        "Playbook “Detractor: call within a day” · assigned: they own the account · tsk-41\n"
    )


def test_a_task_that_a_person_wrote_names_them_and_says_what_they_said() -> None:
    written = an_action(
        playbook="",
        playbook_title="Written by Ana",
        why=["Ana: Kim asked for prices."],
        drivers=[],
        do=None,
        contact=None,
        since=None,
    )
    assert RENDERER.text(compose(written, NOW)) == (
        "Call their admin\n"
        "\n"
        "Northwind · Pro · €4,200/month · renews in 41 days      74 → 52 amber\n"
        "     •  Ana: Kim asked for prices.\n"
        "\n"
        "Task · due tomorrow 15:00\n"
        "Written by Ana · assigned: they own the account · tsk-41\n"
    )


def test_of_several_tasks_that_people_wrote_about_one_account_each_is_told() -> None:
    tasks = [TaskCard(task_id=f"act-{number}", title=title) for number, title in enumerate(("Deck", "Prices"))]
    written = [
        an_action(action_id=task.task_id, playbook="", playbook_title="Written by Ana", title=task.title, task=task)
        for task in tasks
    ]
    message = compose_group(written, NOW)
    assert (message.title, [item.todo for item in message.items]) == ("Northwind: 2 tasks", ["Deck", "Prices"])


class TestAlertWithTask:
    """One message: what is wrong, whose task it is and until when, and how to go about it. Nothing is said twice."""

    TASK = TaskCard(
        task_id="act-41", title="Call their admin", due_at=NOW + timedelta(days=1), assigned_because="owner"
    )

    def message(self, shared: bool = False, **changes: Any) -> Message:
        said: dict[str, Any] = {"task": self.TASK, "title": "Northwind is angry", "do": "Read it. Ask why."}
        return compose(an_alert(**(said | changes)), NOW, shared=shared)

    def test_it_is_read_in_one_go(self) -> None:
        assert RENDERER.text(self.message()) == (
            "Northwind is angry\n"
            "\n"
            "Northwind · Pro · €4,200/month · renews in 41 days      74 → 52 amber\n"
            '   −13  their admin scored us 2: "third time support lost our ticket"\n'
            "    −9  urgent ticket T-118 open for 5 days\n"
            "     •  an answer of 2 is a detractor's\n"
            "\n"
            "→ Your task: Call their admin, due tomorrow 10:14\n"
            "  Read it. Ask why.\n"
            "\n"
            "Alert · just now\n"
            "Playbook “Usage is falling” · high severity · assigned: owner · act-41\n"
        )

    def test_slack_and_mail_tell_the_same(self) -> None:
        (asked,) = [one["text"]["text"] for one in self.blocks(self.message()) if "task:" in str(one)]
        assert asked == "*Your task:* Call their admin, due tomorrow 10:14\n*What to do:* Read it. Ask why."
        html = RENDERER.html(self.message())
        assert html.count("Your task") == html.count("Call their admin") == html.count("due tomorrow") == 1
        assert html.count("Read it. Ask why.") == 1

    def test_where_others_read_it_is_not_called_theirs(self) -> None:
        assert "*Task:* Call their admin" in str(self.blocks(self.message(shared=True)))

    def test_a_task_that_the_title_says_is_only_due(self) -> None:
        message = self.message(title="Call their admin.", do="Call their admin")
        assert (message.task, message.todo) == ("due tomorrow 10:14", "")

    def blocks(self, message: Message) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = render(message, RENDERER, "d")["blocks"]
        return found


class TestOneScreen:
    """Who, what it is worth, when it renews, all that is open, the last contact: no more is asked for before a call."""

    ALERT: ClassVar[dict[str, Any]] = {
        "account": an_account(last_contact_at=NOW - timedelta(days=90)),
        "contact_id": "kim",
        "contact": "Kim (admin)",
        "trouble": ["an urgent ticket open since 13 Nov 2026", "7 of 28 seats in use"],
        "open_work": ["task for Ana, due 20 Nov 2026: Agree a payment date"],
    }

    def test_it_is_all_there(self) -> None:
        assert RENDERER.text(compose(an_alert(**self.ALERT, drivers=[], why=["it fell"]), NOW)) == (
            "Usage fell by half in two weeks\n"
            "\n"
            "Northwind · Pro · €4,200/month · renews in 41 days · last contact 90 days ago      74 → 52 amber\n"
            "     •  it fell\n"
            "\n"
            "Contact: Kim (admin)\n"
            "\n"
            "Also open:\n"
            "     •  an urgent ticket open since 13 Nov 2026\n"
            "     •  7 of 28 seats in use\n"
            "     •  task for Ana, due 20 Nov 2026: Agree a payment date\n"
            "\n"
            "→ Find out what changed on their side.\n"
            "\n"
            "Alert · just now\n"
            "Playbook “Usage is falling” · high severity\n"
        )

    def test_slack_and_mail_have_it_too(self) -> None:
        message = compose(an_alert(**self.ALERT), NOW)
        shown = [one["text"]["text"] for one in render(message, RENDERER, "d")["blocks"] if one["type"] == "section"]
        assert "*Contact:* Kim (admin)" in shown
        assert any(one.startswith("*Also open:*\n•  an urgent ticket") for one in shown)
        html = RENDERER.html(message)
        assert all(words in html for words in (*message.also, "Kim (admin)", "last contact 90 days ago"))

    def test_who_is_named_already_is_not_named_again(self) -> None:
        assert compose(an_alert(**self.ALERT, title="Kim (admin) scored us 2"), NOW).contact == ""

    def test_where_nobody_is_named_it_says_whom_one_calls_there(self) -> None:
        account = an_account(contact_id="kim", contact="Kim (champion)")
        assert compose(an_alert(account=account), NOW, reach="+49 30 1").contact == "Kim (champion) · +49 30 1"
        assert compose(an_alert(**{**self.ALERT, "account": account}), NOW).contact == "Kim (admin)"

    def test_it_stays_on_one_screen(self) -> None:
        also = compose(an_alert(trouble=[f"trouble {n}" for n in range(20)]), NOW).also
        assert (len(also), also[-1]) == (8, "and 13 more")

    def test_with_others_it_is_told_in_short_and_once_an_account(self) -> None:
        trouble: dict[str, Any] = {
            "trouble": ["an urgent ticket open", "7 of 28 seats in use", "usage down 45 %", "pulse 3 of 10"]
        }
        message = compose_group([an_alert(**trouble), an_action(**trouble)], NOW)
        told = "an urgent ticket open; 7 of 28 seats in use; and 2 more"
        assert sorted(one.also for one in message.items) == ["", told]
        for shown in (RENDERER.text(message), RENDERER.html(message), str(render(message, RENDERER, "d")["blocks"])):
            assert shown.count(f"also open: {told}") == 1

    def test_what_is_not_known_is_not_listed(self) -> None:
        text = RENDERER.text(compose(an_alert(), NOW))
        assert not any(words in text for words in ("Contact", "Also open", "last contact"))


def test_an_alert_says_since_when() -> None:
    message = compose(an_alert(since=NOW - timedelta(days=5)), NOW)
    assert message.since == "since Fri 13 Nov 10:14, 5 days"
    assert compose(an_alert(since=None), NOW).since == ""


def test_a_flag_tells_its_reasons_and_no_severity() -> None:
    message = compose(a_flag(), NOW)
    assert message.label == "Expansion flag"
    assert [reason.text for reason in message.reasons] == ["95 % of the seats are used", "a promoter: 9"]
    assert "severity" not in message.footer


def test_what_the_command_line_can_close_is_named_alone_and_in_company() -> None:
    assert compose(a_flag(), NOW).footer.endswith(" · flg-1")
    message = compose_group([an_alert(), an_action(), a_flag()], NOW)
    assert {item.ref for item in message.items} == {"", "tsk-41", "flg-1"}
    assert "→ Call their admin, due tomorrow 15:00 · tsk-41\n" in RENDERER.text(message)
    assert "tsk-41" in RENDERER.html(message)


def test_where_others_read_the_recipient_and_their_zone_are_named() -> None:
    message = compose(an_action(), NOW, shared=True)
    assert (message.recipient, message.mention) == (THE_OWNER.name, "U012AB3CD")
    assert message.due == "tomorrow 15:00 (Berlin time)"
    assert "<@U012AB3CD>" in str(render(message, RENDERER, "d"))
    nameless = Recipient(id="x", name="Some One", slack=None)
    assert "for *Some One*" in str(render(compose(an_action(recipient=nameless), NOW, shared=True), RENDERER, "d"))


def test_nobody_to_assign_to_is_said() -> None:
    assert "nobody was found to assign this to" in compose(an_action(recipient=None), NOW).footer


def test_a_task_for_nobody_says_why_once() -> None:
    card = TaskCard(task_id="t", title="Call", assigned_because="nobody: the account has no owner")
    footer = compose(an_action(recipient=None, task=card), NOW).footer
    assert "given to nobody: the account has no owner" in footer
    assert footer.count("nobody") == 1


def test_an_account_of_which_little_is_known_still_has_a_headline() -> None:
    bare = an_account(plan=None, mrr_minor=None, renews_at=None, score=None, previous_score=None, band="unknown")
    message = compose(an_action(account=bare, drivers=[], why=[], task=None, kind="alert"), NOW)
    assert (message.headline, message.score, message.reasons) == ("Northwind", "", [])


def test_scores_are_told_as_they_moved() -> None:
    def told(**changes: Any) -> str:
        return compose(an_action(account=an_account(**changes)), NOW).score

    assert told() == "74 → 52 amber"
    assert told(previous_score=None) == "52 amber"
    assert told(previous_score=5210) == "52 amber"
    assert told(score=None, band="unknown") == "74 → unknown"


def test_the_points_that_are_shown_sum_to_the_change_that_is_shown() -> None:
    account = an_account(previous_score=7440, score=5160)
    drivers = [a_driver(-1340, "a"), a_driver(-840, "b"), a_driver(-100, "c")]
    assert [r.points for r in compose(an_action(account=account, drivers=drivers, why=[]), NOW).reasons] == [
        "−13",
        "−8",
        "−1",
    ]


def test_what_was_said_by_a_driver_is_not_said_again() -> None:
    action = an_action(why=["Urgent ticket T-118 open for 5 days", "something else", "something else"])
    assert [r.text for r in compose(action, NOW).reasons][2:] == ["something else"]


def test_many_reasons_are_cut_with_a_count() -> None:
    reasons = compose(an_action(why=[f"reason {n}" for n in range(10)]), NOW).reasons
    assert len(reasons) == 6
    assert reasons[-1] == Reason("", "and 7 more reasons")


def test_fourteen_accounts_that_turned_red_are_one_message_with_the_worst_first() -> None:
    message = compose_group(alerts_that_turned_red(14)[::-1], NOW)
    assert message.title == "14 of your accounts turned red"
    assert message.subject == "14 of your accounts turned red; the worst: Customer-000"
    assert [item.headline.split(" · ")[0] for item in message.items][:2] == ["Customer-000", "Customer-001"]
    assert len(message.items) == 10
    assert message.more == "and 4 more: Customer-010, Customer-011, Customer-012, Customer-013"
    assert message.headline == "€14,000.91 a month together"
    assert message.todo == "Find out what changed on their side."


def test_a_group_in_a_channel_that_others_read_says_no_your() -> None:
    assert compose_group(alerts_that_turned_red(2), NOW, shared=True).title == "2 accounts turned red"


def test_a_mixed_group_counts_what_is_in_it_and_names_each_reader() -> None:
    other = Recipient(id="csm-9", name="Somebody Else", time_zone="UTC")
    actions = [an_action("a"), a_flag("b", recipient=other, account=an_account("contoso"))]
    message = compose_group(actions, NOW, shared=True)
    assert message.title == "1 task, 1 expansion flag about 2 accounts"
    assert [item.recipient for item in message.items] == [THE_OWNER.name, "Somebody Else"]
    assert message.recipient == ""


def test_sums_of_several_currencies_are_not_added_up() -> None:
    actions = [
        an_alert("a"),
        an_alert("b", account=an_account("contoso", currency="JPY", mrr_minor=90_000)),
    ]
    assert compose_group(actions, NOW).headline == "€4,200 + ¥90,000 a month together"


def test_a_digest_lists_what_an_import_found() -> None:
    found = [
        {
            "account_id": f"a{n}",
            "account_name": f"Account {n}",
            "playbook_title": "Invoice overdue",
            "why": ["an invoice is 35 days late"],
            "mrr_minor": 990_000,
            "currency": "USD",
        }
        for n in range(25)
    ]
    message = compose_group([an_alert(kind="digest", title="The import found 25 accounts", found=found)], NOW)
    assert message.title == "The import found 25 accounts"
    assert message.items[0].headline == "Account 0 · $9,900/month"
    assert message.items[0].reason == Reason("", "Invoice overdue: an invoice is 35 days late")
    assert len(message.items) == 20
    assert message.more.startswith("and 5 more: Account 20")
    assert RENDERER.html(message)


def test_a_list_of_what_moved_says_nothing_of_an_import() -> None:
    found = [{"item_id": "i-1", "account_id": "a", "account_name": "A", "playbook_title": "Call A", "why": "to Ben"}]
    message = compose_group([an_alert(kind="digest", title="1 piece of work of Ana moved", found=found)], NOW)
    assert [(one.headline, one.reason and one.reason.text) for one in message.items] == [("A", "Call A: to Ben")]
    assert message.footer == ""


hostile = st.text(alphabet=st.sampled_from(list("<>&\"'*_`~@!|{}%\r\n\u202e\u2066 aé日")), max_size=400)


@given(hostile, hostile, hostile, st.integers(1, 40))
def test_whatever_customers_write_every_channel_shows_it_as_text(name: str, reason: str, title: str, many: int) -> None:
    account = an_account(name=name or "x")
    action = an_action(
        account=account,
        drivers=[a_driver(-2200, reason)],
        why=[reason, title],
        title=title,
        do=reason,
        kind="flag",
        task=None,
        flag=FlagCard(flag_id="f", title=title or "x", reasons=[reason]),
        playbook_title=title,
    )
    for message in (compose(action, NOW, shared=True), compose_group([action] * many, NOW, shared=True)):
        payload = render(message, RENDERER, "dlv_1", repeat=True)
        for block in kit.Block.parse_all(payload["blocks"]):
            block.validate_json()
        texts = [
            block["text"]["text"] if "text" in block else block["elements"][0]["text"]
            for block in payload["blocks"][1:]
            if block["type"] != "divider"
        ]
        for text in texts:
            assert "<" not in text.replace("<@U012AB3CD>", "")
            assert 0 < len(text) <= 3000
        assert len(payload["blocks"]) <= 50
        assert 0 < len(payload["blocks"][0]["text"]["text"]) <= 150
        assert "<" not in payload["text"]
        html = RENDERER.html(message)
        assert html.count("<") == html.count(">")
        assert "\n" not in message.subject
        assert "\u202e" not in html + RENDERER.text(message)


def test_marks_of_a_customer_stay_within_their_line() -> None:
    comment = 'their admin scored us 2: "*bold* ```code ~gone~ <!channel> <https://evil.example|click>"'
    payload = render(compose(an_action(drivers=[a_driver(-2200, comment)]), NOW), RENDERER, "dlv_1")
    [line] = [block["text"]["text"] for block in payload["blocks"] if "scored us" in str(block)]
    assert line.startswith("`−22`  their admin")
    said = line.removeprefix("`−22`")
    assert not set("*`~<>") & set(said)
    assert "&lt;!channel&gt;" in said


@pytest.mark.parametrize("char", ["&", "<", "x", "é"])
def test_a_text_that_is_cut_shows_no_half_of_anything(char: str) -> None:
    message = compose(an_action(do=char * 500, why=[char * 290 + str(n) for n in range(6)]), NOW)
    for block in render(message, RENDERER, "dlv_1")["blocks"][1:]:
        text = block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        assert len(text) <= 3000
        assert re.fullmatch(r"(&(amp|lt|gt);|[^&])*", text)


def test_five_hundred_alerts_are_one_message_that_slack_takes() -> None:
    payload = render(compose_group(alerts_that_turned_red(500), NOW), RENDERER, "dlv_1")
    assert len(payload["blocks"]) <= 50
    assert len(payload["text"]) < 4000
    assert "500 of your accounts turned red" in payload["blocks"][0]["text"]["text"]
    assert "and 490 more" in str(payload["blocks"])


def test_many_things_about_one_account_leave_room_for_the_others() -> None:
    answers = [an_alert(f"a{n}", title=f"Northwind gave us a {n}") for n in range(5)]
    message = compose_group([*answers, an_alert("b", account=an_account("contoso")), an_action("c")], NOW)
    told = [(item.headline.partition(" ·")[0], item.todo) for item in message.items]
    assert ("Northwind", "Northwind gave us a 0 (and 4 more like it)") in told
    assert len(told) == 3
    assert message.label == "6 alerts, 1 task"


def test_whom_to_call_stands_there_with_name_role_and_number() -> None:
    action = an_alert(title="Call Kim (admin)", contact_id="kim", contact="Kim (admin)")
    single = compose(action, NOW, reach="+49 30 1234, kim@northwind.example")
    assert single.contact == "Kim (admin) · +49 30 1234, kim@northwind.example"
    for shown in (RENDERER.text(single), RENDERER.html(single), str(render(single, RENDERER, "dlv_1"))):
        assert "Kim (admin) · +49 30 1234, kim@northwind.example" in shown
    assert compose(action, NOW).contact == ""


def test_in_a_message_about_many_each_has_its_own_contact() -> None:
    actions = [an_action(f"a{n}", contact="Kim (admin)", account=an_account(f"customer-{n}")) for n in range(2)]
    group = compose_group(actions, NOW, reach={"a1": "+49 30 1234"})
    assert sorted(one.contact for one in group.items) == ["", "Kim (admin) · +49 30 1234"]
    for shown in (RENDERER.text(group), RENDERER.html(group), str(render(group, RENDERER, "dlv_1"))):
        assert shown.count("+49 30 1234") == 1 + (shown.startswith("{") and 1)


def test_five_thousand_are_one_message_with_the_worst_first_and_where_the_rest_is() -> None:
    message = compose_group(alerts_that_turned_red(5_000)[::-1], NOW)
    assert message.title == "5,000 of your accounts turned red"
    assert [item.headline.split(" · ")[0] for item in message.items][:2] == ["Customer-000", "Customer-001"]
    assert len(message.items) == 10
    assert message.more.startswith("and 4,990 more: Customer-010, ")
    assert message.more.endswith(" and 4,960 others; all of them: keepwell alerts --assignee csm-3")
