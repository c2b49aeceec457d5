"""A digest as a person reads it, alone and with what waited for it."""

from datetime import timedelta
from typing import Any

from services.notifier.channels import blocks
from services.notifier.channels.rendering import Renderer
from services.notifier.core import grouping
from services.notifier.core.routing import Route
from services.notifier.core.standing import Standing, Stands
from services.notifier.core.together import compose_group
from shared.messages.actions import AccountCard, ActionRequested
from shared.messages.digests import PARTS, DayCard, DayLine, Handed, Part, PersonLine
from shared.messages.erasing import Forgetting
from shared.messages.preferences import BUTTON, Asked, Preferences, read_asked
from tests.support.notifier import NOW, THE_OWNER, an_account, an_action
from tests.support.slack_limits import faults

AT = NOW.replace(hour=7, minute=30)
"""08:30 in Berlin."""
DAY = timedelta(days=1)
SLACK = Route(transport="slack", target="U012AB3CD")


def a_line(part: Part, account: str = "Northwind", **others: Any) -> DayLine:
    own = {"mrr_minor": 420_000, "currency": "EUR", "score": 4100, "band": "red"}
    return DayLine(part=part, account_id=account.lower(), account=account, **{**own, **others})


TO_DO = a_line("today", title="Call Northwind", item_id="act_3f2a91c0ffee", due_at=AT - DAY, contact="Kim (champion)")


def a_day(*lines: DayLine, weekly: bool = False, **others: Any) -> ActionRequested:
    """`others` are of the card."""
    numbers = {"numbers": {one.part: 1 for one in lines}} | others
    return ActionRequested(
        action_id="act-day",
        kind="digest",
        playbook="digest",
        playbook_title="Your day",
        episode_id="",
        step=0,
        recipient=THE_OWNER,
        severity="info",
        title="Your week" if weekly else "Your day",
        account=AccountCard(id="$company", name=""),
        day=DayCard(since=AT - DAY, weekly=weekly, lines=list(lines), **numbers),
        not_before=AT,
    )


def read(*actions: ActionRequested) -> str:
    return Renderer().text(compose_group(actions, AT))


def test_a_day_says_first_what_is_to_be_done_whom_to_call_and_since_when_it_is_late() -> None:
    message = compose_group([a_day(TO_DO, overdue=1)], AT)
    assert message.subject == "Your day: 1 to do today, 1 overdue"
    assert Renderer().text(message) == (
        "Your day: Wednesday 18 Nov 2026\n"
        "\n"
        "1 to do today, 1 overdue\n"
        "\n"
        "To do today (1, 1 overdue)\n"
        "  • Northwind · €4,200/month · 41 red\n"
        "    Call Northwind · overdue since yesterday 08:30 · Kim (champion) · act_3f2a91c0\n"
        "\n"
        "since yesterday 08:30\n"
        "When and of what you hear: keepwell preferences\n"
    )


def test_parts_come_in_order_and_what_is_more_is_counted() -> None:
    text = read(
        a_day(
            a_line("renewal", renews_at=AT + 12 * DAY, contact="Lee (decision maker)"),
            a_line("turned", "Hooli", band_before="amber", title="No use for 10 working days"),
            a_line("alert", "Initech", title="Initech leaves", severity="critical", item_id="act_aa"),
            a_line("closed", "Acme", state="done", title="Call Acme", note="They train on Monday."),
            a_line("closed", "Wayne", state="won", title="Offer seats", mrr_minor=90_000),
            TO_DO,
            numbers={"today": 13, "turned": 1, "renewal": 1, "alert": 1, "closed": 4},
            outcomes={"done": 3, "won": 1},
            handed=[Handed(whose="ben", why="Ben is away", number=3)],
        )
    )
    headings = [line for line in text.splitlines() if line and not line.startswith(" ")][2:-2]
    assert headings == [
        "To do today (13)",
        "Alerts that came and are open (1)",
        "Accounts that turned (1)",
        "Came to you",
        "Renewals in 30 days (1)",
        "You closed (3 done, 1 won)",
    ]
    assert "and 12 more: keepwell tasks --assignee csm-3" in text
    assert "Hooli · €4,200/month · 41 amber → red" in text
    assert "renews in 12 days · Lee (decision maker)" in text
    assert "Wayne · won €900/month" in text
    assert "Call Acme · “They train on Monday.”" in text
    assert "3 pieces of work: Ben is away" in text


def test_a_lead_reads_who_has_how_much() -> None:
    away = PersonLine(name="Ben", tasks=22, overdue=5, unseen=2, until=AT + 2 * DAY)
    text = read(a_day(a_line("worst", whose="Ben", title="2 invoices overdue"), team=[away], people=7))
    assert "5 tasks of your people overdue" in text
    assert "Ben · 22 tasks · 5 overdue · 2 alerts not acknowledged · away until 20 Nov 2026" in text
    assert "and 6 more: keepwell people" in text
    assert "Ben · 2 invoices overdue" in text


def test_a_week_looks_further_ahead() -> None:
    text = read(a_day(TO_DO, a_line("renewal", renews_at=AT + 80 * DAY), weekly=True))
    assert "To do this week (1)" in text
    assert "Renewals in 90 days (1)" in text


def test_what_waited_for_the_same_hour_comes_in_the_same_message_and_is_told_once() -> None:
    new = an_action("act-9", item_id="act_3f2a91c0ffee", severity="low", not_before=AT)
    other = a_line("today", "Globex", title="Plan", item_id="act_b")
    day = a_day(TO_DO, other, numbers={"today": 2}, overdue=1)
    groups = {grouping.place(one, SLACK, AT - timedelta(minutes=5)).group for one in (new, day)}
    assert len(groups) == 1
    message = compose_group([new, day], AT)
    assert [one.heading for one in message.sections] == ["To do today (1)"]
    assert [one.headline for one in message.sections[0].lines] == ["Globex · €4,200/month · 41 red"]
    assert message.items_heading == "New for you (1)"
    assert [one.headline.partition(" ")[0] for one in message.items] == ["Northwind"]


def test_many_that_waited_are_ten_and_a_count() -> None:
    waited = [an_action(f"act-{n}", account=an_account(f"acme-{n}"), not_before=AT) for n in range(40)]
    message = compose_group([a_day(TO_DO), *waited], AT)
    assert len(message.items) == 10
    assert message.items_heading == "New for you (40)"
    assert message.more.startswith("and 30 more: ")


def test_what_moves_later_leaves_the_day_that_it_tells_of() -> None:
    new = an_action("new", title="Call Acme", account=an_account("acme"), item_id="tsk-41")
    due = a_line("today", title="Call Northwind", item_id="act_3f2a91c0ffee", due_at=AT + timedelta(hours=5))
    stands = {"new": Stands(Standing(state="taken", at=AT + DAY, by="Kim Lee"))}
    message = compose_group([a_day(due), new], AT + 2 * DAY, stands=stands)
    text = Renderer().text(message)
    assert message.title == "Your day: Wednesday 18 Nov 2026"
    assert "Call Northwind · due today 13:30" in text
    assert "since yesterday 08:30" in text
    # How what is new stands is told as of now.
    assert "Kim Lee took it · yesterday 08:30" in text


def test_one_that_is_late_goes_by_itself() -> None:
    assert grouping.place(a_day(TO_DO), SLACK, AT).group.startswith(grouping.ALONE)


def test_slack_and_html_take_what_is_written_for_text() -> None:
    evil = a_line("today", "<!channel> *&*", title="<b>Call</b>", item_id="act_a", due_at=AT)
    message = compose_group([a_day(evil, TO_DO, a_line("turned", band_before="green"))], AT)
    sent = blocks.render(message, Renderer(), "dlv-1")
    said = "\n".join(one["text"]["text"] for one in sent["blocks"] if one["type"] == "section")
    assert "<!channel>" not in said
    assert "&lt;!channel&gt;" in said
    html = Renderer().html(message)
    assert "<b>Call</b>" not in html
    assert "&lt;b&gt;Call&lt;/b&gt;" in html
    assert "To do today" in html
    assert "Accounts that turned" in html


def test_whoever_is_erased_is_taken_out_of_days() -> None:
    day = a_day(TO_DO, a_line("closed", "Acme", note="Kim trains them"))
    kim = Forgetting("northwind", "c-1", ["Kim"]).action(day)
    assert kim.day is not None
    assert [one.contact for one in kim.day.lines] == ["", ""]
    assert [one.note for one in kim.day.lines] == ["", "Kim trains them"]
    gone = Forgetting("northwind").action(day)
    assert gone.day is not None
    assert [one.account for one in gone.day.lines] == ["Acme"]


def test_slack_takes_the_longest_with_buttons_under_what_is_new() -> None:
    long = {"title": "t" * 400, "contact": "c" * 200, "note": "n" * 400, "whose": "w" * 200}
    lines = [a_line(part, f"Account {n} " + "a" * 100, **long) for part in PARTS for n in range(8)]
    team = [PersonLine(name="p" * 100, tasks=n, overdue=n) for n in range(8)]
    handed = [Handed(whose="ben", why="w" * 200, number=n) for n in range(5)]
    day = a_day(*lines, numbers=dict.fromkeys(PARTS, 900), team=team, people=70, handed=handed, outcomes={"done": 9})
    new = [
        an_action(f"act-{n}", item_id=f"act-{n}", title="x" * 300, account=an_account(f"acme-{n}"), not_before=AT)
        for n in range(40)
    ]
    sent = blocks.render(compose_group([day, *new], AT), Renderer(interactive=True), "dlv-1", repeat=True, buttons=True)
    assert list(faults(sent["blocks"])) == []
    # And one that asks when they want to hear.
    assert sum(one["type"] == "actions" for one in sent["blocks"]) == 10 + 1


def said(message: Any, **how: Any) -> tuple[list[Asked], str]:
    """What the button asks, if there is one, and all that is written."""
    sent = blocks.render(message, Renderer(interactive=True), "dlv-1", **how)
    assert list(faults(sent["blocks"])) == []
    buttons = [one for block in sent["blocks"] if block["type"] == "actions" for one in block["elements"]]
    return [read_asked(one["value"]) for one in buttons if one["action_id"] == BUTTON], str(sent["blocks"])


def test_its_reader_can_say_there_when_they_hear_beginning_with_what_they_have_set() -> None:
    mine = Preferences(daily=None, channel="email")
    asked, text = said(
        compose_group([a_day(TO_DO)], AT), buttons=True, wants=lambda who: mine if who else Preferences()
    )
    assert asked == [Asked(person=THE_OWNER.id, preferences=mine)]
    assert "keepwell preferences" not in text


def test_where_no_button_works_or_others_read_it_says_how_by_command() -> None:
    alone, all = compose_group([a_day(TO_DO)], AT), compose_group([a_day(TO_DO)], AT, shared=True)
    for asked, text in (said(alone), said(all, buttons=True)):
        assert asked == []
        assert "When and of what you hear: keepwell preferences" in text
    assert said(compose_group([an_action()], AT), buttons=True)[0] == []
