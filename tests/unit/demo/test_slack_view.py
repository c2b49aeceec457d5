from deploy.demo import slack_view
from services.notifier.channels.blocks import render
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from tests.support.notifier import NOW, an_account, an_action, an_alert


def test_a_message_is_told_from_the_blocks_that_slack_got() -> None:
    action = an_alert(account=an_account(name="Salt & Pepper"))
    shown = [line.plain for line in slack_view.lines(render(compose(action, NOW), Renderer(), "dlv_1")["blocks"])]
    assert shown[0] == "Usage fell by half in two weeks"
    assert "Salt & Pepper · Pro · €4,200/month · renews in 41 days" in shown
    assert "🟠 74 → 52 amber" in shown
    assert '−13  their admin scored us 2: "third time support lost our ticket"' in shown
    assert "What to do: Find out what changed on their side." in shown


def test_bold_words_are_bold_and_mentions_are_names() -> None:
    [line] = slack_view.lines([{"type": "section", "text": {"text": "for <@U01> and *all* &lt;here&gt; :wave:"}}])
    assert line.plain == "for @U01 and all <here> :wave:"
    assert [line.plain[span.start : span.end] for span in line.spans] == ["all"]


def test_buttons_are_what_can_be_pressed() -> None:
    task = an_action(item_id="tsk-41")
    blocks = render(compose(task, NOW), Renderer(), "dlv_1", buttons=True)["blocks"]
    shown = [line.plain for line in slack_view.lines(blocks)]
    assert "[Take it]  [Done …]  [Snooze …]  [Give to …]  [False alarm …]" in shown
