"""Addresses as people write them, and what is wrong with those that are none."""

import pytest

from shared.addresses import Address, read_address


@pytest.mark.parametrize(
    ("text", "name", "spec", "needs_utf8"),
    [
        ("keepwell@example.com", "", "keepwell@example.com", False),
        (" Keepwell <keepwell@example.com> ", "Keepwell", "keepwell@example.com", False),
        ("Acme, Inc. <keepwell@example.com>", "Acme, Inc.", "keepwell@example.com", False),
        ('"Acme, Inc." <keepwell@example.com>', "Acme, Inc.", "keepwell@example.com", False),
        ("Größe GmbH, Süd <hallo@example.com>", "Größe GmbH, Süd", "hallo@example.com", False),
        ('The "A" Team <a@example.com>', 'The "A" Team', "a@example.com", False),
        ("keepwell@bücher.example", "", "keepwell@xn--bcher-kva.example", False),
        ("<keepwell@example.com>", "", "keepwell@example.com", False),
        ("späti@example.com", "", "späti@example.com", True),
        ("root@localhost.local", "", "root@localhost.local", False),
    ],
)
def test_what_is_an_address_is_read(text: str, name: str, spec: str, needs_utf8: bool) -> None:
    found = read_address(text, named=True)
    assert (found.name, found.spec, found.needs_utf8) == (name, spec, needs_utf8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have an @-sign"),
        ("keepwell", "must have an @-sign"),
        ("keepwell@", "something after the @-sign"),
        ("a b@example.com", "invalid characters before the @-sign: SPACE"),
        ("a@b@example.com", "'@'"),
        ("a..b@example.com", "two periods in a row"),
        ("ana@example.com, ben@example.com", "invalid characters"),
        ("a@example.com\r\nBcc: b@example.com", "invalid characters"),
        ("Acme <keepwell at example.com>", "must have an @-sign"),
    ],
)
def test_what_is_none_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"@-sign|invalid|two periods") as refused:
        read_address(text, named=True)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_recipient_has_no_name_beside_their_address() -> None:
    with pytest.raises(ValueError, match="display name"):
        read_address("Ana <ana@example.com>")
    assert read_address("ana@example.com") == Address("", "ana", "example.com")
