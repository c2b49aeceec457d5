"""Which road is the next when one has led nowhere, and what the message says of that."""

from typing import Any

import pytest

from services.notifier.core.roads import Tried, detour_id, has_other, next_road, with_detours
from services.notifier.core.routing import Setup
from services.notifier.core.together import compose_group
from shared.messages.actions import ActionRequested, Recipient
from tests.support.notifier import NOW, an_action

ANA = Recipient(id="ana", name="Ana", slack="U0ANA", email="ana@example.com")
MAX = Recipient(id="max", name="Max", slack="U0MAX", email="max@example.com")
LEE = Recipient(id="lee", name="Lee", email="lee@example.com")
ALL = Setup(slack="bot", email=True, fallback="#customer-success")


def action(**changes: Any) -> ActionRequested:
    return an_action(**{"recipient": ANA, "then": [MAX, LEE], **changes})


def all_roads(asked: ActionRequested, setup: Setup, first: str) -> list[str]:
    """Every road that is taken while each leads nowhere, in order."""
    transport, _, target = first.partition(":")
    tried = [Tried(transport, target, "no")]
    while (to := next_road(asked, setup, tried)) is not None:
        tried.append(Tried(to.transport, to.target, "no"))
    return [f"{one.transport}:{one.target}" for one in tried[1:]]


@pytest.mark.parametrize(
    ("setup", "changes", "first", "roads"),
    [
        (
            ALL,
            {"channel": "slack:#cs-escalations"},
            "slack:#cs-escalations",
            "slack:U0ANA email:ana@example.com slack:#customer-success slack:U0MAX email:max@example.com"
            " email:lee@example.com inbox:ana",
        ),
        (ALL, {"then": []}, "email:ana@example.com", "slack:U0ANA slack:#customer-success inbox:ana"),
        (
            Setup(slack="bot"),
            {"then_channel": "slack:#last"},
            "slack:U0ANA",
            "slack:U0MAX slack:#last inbox:ana",
        ),
        (
            Setup(slack="webhook", email=True),
            {},
            "slack:webhook",
            "email:ana@example.com email:max@example.com email:lee@example.com inbox:ana",
        ),
        (
            Setup(email=True),
            {"recipient": None, "then": [LEE]},
            "slack:#gone",
            "email:lee@example.com inbox:unassigned",
        ),
        (
            Setup(slack="bot", fallback="#customer-success"),
            {"recipient": Recipient(id="zoe", name="Zoe", slack="U0ZOE", inbox=True), "then": []},
            "slack:U0ZOE",
            "inbox:zoe slack:#customer-success",
        ),
        (Setup(), {}, "inbox:ana", ""),
        (
            Setup(teams=True, chat=True, email=True),
            {"then": [LEE]},
            "teams:webhook",
            "email:ana@example.com chat:webhook email:lee@example.com inbox:ana",
        ),
        (Setup(slack="bot", teams=True), {"then": []}, "slack:U0ANA", "teams:webhook inbox:ana"),
        (
            Setup(chat=True),
            {"recipient": None, "then": [], "then_channel": "chat"},
            "slack:#gone",
            "chat:webhook inbox:unassigned",
        ),
        (Setup(email=True), {"then": [], "then_channel": "teams"}, "email:ana@example.com", "inbox:ana"),
    ],
)
def test_every_road_is_taken_once_in_order(setup: Setup, changes: dict[str, Any], first: str, roads: str) -> None:
    assert all_roads(action(**changes), setup, first) == roads.split()


@pytest.mark.parametrize(
    ("changes", "tried", "because"),
    [
        (
            {"channel": "slack:#cs"},
            [Tried("slack", "#cs", "Slack says channel_not_found")],
            "Meant for #cs: Slack says channel_not_found",
        ),
        ({"channel": "teams"}, [Tried("teams", "webhook", "it is gone")], "It could not come by Teams: it is gone"),
        ({}, [Tried("chat", "webhook", "it is gone")], "It could not come by the chat: it is gone"),
        (
            {},
            [Tried("slack", "U0ANA", "Slack says user_not_found")],
            "It could not come by Slack: Slack says user_not_found",
        ),
        (
            {},
            [
                Tried("slack", "U0ANA", "Slack says user_not_found"),
                Tried("email", "ana@example.com", "the mail server says 550", uncertain=True),
                Tried("slack", "#customer-success", "Slack says user_not_found"),
            ],
            "Meant for Ana: Slack says user_not_found; the mail server says 550 (it may have arrived all the same)",
        ),
    ],
)
def test_it_says_whom_it_was_meant_for_and_why_it_comes_here(
    changes: dict[str, Any], tried: list[Tried], because: str
) -> None:
    to = next_road(action(**changes), ALL, tried)
    assert to is not None
    assert to.because == because


@pytest.mark.parametrize(
    ("setup", "changes", "has"),
    [
        (ALL, {}, True),
        (Setup(slack="bot"), {}, False),
        (ALL, {"recipient": Recipient(id="zoe", name="Zoe", slack="U0ZOE"), "then": []}, False),
        (Setup(slack="bot"), {"recipient": Recipient(id="zoe", name="Zoe", slack="U0ZOE", inbox=True)}, True),
    ],
)
def test_an_inbox_that_nobody_reads_is_no_other_road(setup: Setup, changes: dict[str, Any], has: bool) -> None:
    assert has_other(action(**changes), setup, "slack") == has


def test_what_is_for_another_names_whose_it_is() -> None:
    to = next_road(action(), Setup(slack="bot"), [Tried("slack", "U0ANA", "no")])
    assert to is not None
    assert (to.channel, to.shared) == ("slack:U0MAX", True)
    message = with_detours(compose_group([action()], NOW, shared=to.shared), [to.because, to.because])
    assert (message.recipient, message.detour) == ("Ana", "Meant for Ana: no")


def test_a_message_that_took_no_other_road_says_nothing_of_it() -> None:
    message = compose_group([action()], NOW)
    assert with_detours(message, ["", ""]) is message


def test_each_road_of_a_delivery_has_an_id_of_its_own() -> None:
    assert detour_id("dlv_a", 1) == detour_id("dlv_a", 1)
    assert len({detour_id(first, road) for first in ("dlv_a", "dlv_b") for road in (1, 2)}) == 4
