"""What somebody changes by hand, as an event: what can't be meant is refused in a sentence."""

from typing import Any

import msgspec
import pytest

from services.ingest.core.attributes import Refused
from services.ingest.core.checking import check
from services.ingest.core.patching import account_patch, as_event, check_spelling, contact_patch, misspelt
from services.ingest.core.senders import Sender
from tests.support.stream import NOON


def patched(body: dict[str, Any], contact: str | None = None, declared: tuple[str, ...] = ()) -> Any:
    """The data that is published. Raises `Refused`."""
    data = account_patch(body) if contact is None else contact_patch(contact, body)
    check_spelling(misspelt(data), declared)
    type = "account.updated" if contact is None else "contact.updated"
    good, refused = check([as_event("p-1", type, "acme", data)], NOON, Sender("crm", operates=True))
    if refused:
        raise Refused(refused[0].code, refused[0].message)
    return msgspec.json.decode(good[0].attributes["data"])


def test_traits_may_stand_in_the_body_or_in_a_field_of_their_own() -> None:
    assert patched({"owner": "ben@example.com", "seats": None, "move_open": True}) == {
        "traits": {"owner": "ben@example.com", "seats": None},
        "move_open": True,
    }
    assert patched({"traits": {"plan": "pro"}, "industry": "air"}) == {"traits": {"plan": "pro", "industry": "air"}}
    assert patched({"role": "champion"}, "kim") == {"contact_id": "kim", "traits": {}, "role": "champion"}


@pytest.mark.parametrize(
    ("body", "contact", "code", "said"),
    [
        ({"ownr": "ben@example.com"}, None, "unknown_trait", "no trait 'ownr'. Did you mean 'owner'?"),
        ({"owner": "a@b.example", "move_opn": True}, None, "unknown_trait", "Did you mean 'move_open'?"),
        ({"emial": "k@b.example"}, "kim", "unknown_trait", "Did you mean 'email'?"),
        ({"rol": "champion"}, "kim", "unknown_trait", "Did you mean 'role'?"),
        ({"seats": "ten"}, None, "invalid_data", "data.traits.seats must be a whole number or null, not text."),
        ({"owner": "a@b, c@d"}, None, "invalid_data", "which is not one e-mail address"),
        ({"traits": []}, None, "invalid_data", "traits must be an object"),
        ({"owner": "a@b.example", "move_open": "yes"}, None, "invalid_data", "data.move_open must be true or"),
        ({"move_open": True}, None, "nothing_to_change", "The body changes nothing"),
        ({}, "kim", "nothing_to_change", "The body changes nothing"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_a_sentence(
    body: dict[str, Any], contact: str | None, code: str, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        patched(body, contact)
    assert refused.value.code == code
    assert said in str(refused.value)


def test_a_trait_that_is_declared_is_no_misspelt_one() -> None:
    assert patched({"seat": "window"}, declared=("seat",)) == {"traits": {"seat": "window"}}
