"""What is known of people is read with their account: by whatever process, and in whatever order it came."""

from collections.abc import AsyncIterator

import pytest

from tests.support.scoring import DAY, NOW, Fed, a_contact, csat, scoring_engine, usage


@pytest.fixture
async def fed(database_url: str) -> AsyncIterator[Fed]:
    async with scoring_engine(database_url) as engine, Fed(engine) as made:
        yield made


async def test_a_key_user_who_no_longer_comes_is_known_to_a_process_that_never_saw_them(fed: Fed) -> None:
    await fed.feed(usage(NOW - 21 * DAY, user="u-boss"), usage(NOW, user="u-other"))
    await fed.restart()
    await fed.feed(a_contact("boss", user_ids=["u-boss"]))
    await fed.restart()
    await fed.feed(a_contact("boss", "decision_maker", at=NOW))
    assert (await fed.told())[-1].facts["contacts.key_user_silence"] == 15
    await fed.restart()
    await fed.feed(csat(4))
    assert (await fed.told())[-1].facts["contacts.key_user_silence"] == 15


async def test_answers_about_a_moment_are_kept_as_such_unless_it_is_said(fed: Fed) -> None:
    await fed.feed(csat(4), csat(2, survey_kind="relational"))
    assert {(row.score, row.survey_kind) for row in await fed.rows("SELECT score, survey_kind FROM answers")} == {
        (4, "transactional"),
        (2, "relational"),
    }
