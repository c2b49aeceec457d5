"""Templates of messages to customers: checked with their place, and put like every document."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.notifier.api import documents
from services.notifier.files import SCHEMAS, TEMPLATES, TemplateFile, Written, read_texts, shipped
from shared.auth.keys import Caller
from shared.conditions import Refused
from shared.documents.in_force import InForce
from shared.figures import Figures
from shared.files.reading import read
from shared.web.app import create_app
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase
from tests.support.stream import SetClock

TIPS = """\
id: tips
languages:
  en:
    subject: "{{ account.name }} and {{ usage.unused_features | first }}"
    body: |
      Hello {{ contact.first_name | default("there") }},

      {% if account.traits.seats_free > 3 %}{{ account.traits.seats_free }} seats are free.{% endif %}
traits: {seats_free: number}
"""


class _Keys:
    async def find(self, key: str) -> Caller | None:
        return Caller("test", frozenset({"read", "operate"}), "test", "ops@example.com") if key == "operator" else None


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    in_force = InForce(FakeShelf([TEMPLATES]), shipped(), read_texts)
    await in_force.begin(NoDatabase(), NOW)
    app = create_app("notifier", "1", checks={}, figures=Figures("notifier"), random=secrets.token_bytes)
    app.state.keys = _Keys()
    for router in documents.routes(NoDatabase(), SetClock(NOW), in_force):
        app.include_router(router)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier/v1", auth=("operator", "")) as client:
        yield client


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("account.name", "account.nmae", "4:14: There is no fact `account.nmae`. Did you mean `account.name`?"),
        ("contact.first_name", "contact.frist_name", "5:11: There is no fact `contact.frist_name`. Did you mean"),
        ("traits: {seats_free: number}", "", "The trait `seats_free` is not declared."),
        ("usage.unused_features | first", "health.score", "the customer would read how you judge them"),
        ("| first", "| frist", "The text can't be filled in: there is no filter `frist`"),
        ("  en:", "  english:", "3:3: "),
        ("id: tips", "id: tips\ndefault: de", "2:10: `de` is none of its languages: en."),
        ("id: tips", "id: tips\non_event: invoice.late", "2:11: `invoice.late` is no event that a playbook can"),
        ("account.name", "event.url", "`event.url` is known only in the conditions of an `on_event`."),
        ("account.name", "account.name | money(account.plan | upper)", "`money` is given text or numbers"),
        ("id: tips", "id: check", "1:5: `check` can't be the id of a template"),
        ("    body: |", "    bdoy: |", "Did you mean `body`?"),
        ("traits: {seats_free: number}", "traits: {seats_free: number}\nlanguages: {}", "is here twice"),
    ],
)  # fmt: skip
def test_a_template_that_can_not_be_right_is_refused_with_its_place(before: str, after: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read(TIPS.replace(before, after, 1).encode(), "t.yaml", TemplateFile)
    assert said in str(caught.value)


def test_a_sample_says_what_somebody_would_read_line_by_line() -> None:
    said = read(TIPS.encode(), "t.yaml", TemplateFile).samples()["en"]
    assert isinstance(said, Written)
    assert said.subject == "Northwind Traders and exports"
    assert said.body == "Hello Kim,\n\n12 seats are free."


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_schema_for_editors_is_the_one_that_the_code_makes(path: Path) -> None:
    # After a change: make generated
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMAS[path].made()


async def test_a_template_is_put_and_got_checked_with_samples_and_goes_back(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/templates")).json()["items"]
    assert [(one["id"], one["version"], one["shipped"]) for one in listed] == [
        ("adoption-tips", 1, True),
        ("call-promised", 1, True),
        ("payment-failed", 1, True),
    ]
    told = (await http.post("/templates/check", content=TIPS)).json()
    assert [(sample["language"], sample["subject"]) for sample in told["samples"]] == [
        ("en", "Northwind Traders and exports")
    ]
    put = await http.put("/templates/tips", content=TIPS)
    assert (put.status_code, put.headers["etag"]) == (201, (await http.get("/templates/tips")).headers["etag"])
    stale = await http.put("/templates/tips", content=TIPS + "#\n", headers={"if-match": '"other"'})
    assert stale.status_code == 412
    other = await http.put("/templates/tips", content=TIPS.replace("id: tips", "id: other"))
    assert (other.status_code, "must be the same" in other.json()["message"]) == (422, True)
    await http.put("/templates/tips", content=TIPS + "# more\n")
    assert (await http.post("/templates/tips/versions/1/restore")).json()["version"] == 3
    assert (await http.delete("/templates/tips")).status_code == 204
    assert (await http.get("/templates/tips")).status_code == 404
