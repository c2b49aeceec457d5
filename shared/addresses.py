"""E-mail addresses, as people write them in settings and files: read in one place, by a library, without the DNS."""

from functools import lru_cache
from typing import Final, NamedTuple

import email_validator
from email_validator import EmailNotValidError, validate_email

# In a closed network mail goes to `root@localhost` and `ops@mail.local`, too.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\""})


class Address(NamedTuple):
    """Whom a letter is from or to."""

    name: str
    local: str
    domain: str
    """As a mail server takes it: `xn--bcher-kva.example`."""

    @property
    def spec(self) -> str:
        """`keepwell@example.com`."""
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Only a server with SMTPUTF8 takes it: its first part is not plain ASCII."""
        return not self.local.isascii()


@lru_cache(maxsize=4096)
def read_address(text: str, *, named: bool = False) -> Address:
    """Read `keepwell@example.com`; where it may be `named`, `Acme, Inc. <keepwell@example.com>`, too, in quotes or not.

    Raises `ValueError` with a sentence that says what is wrong.
    """
    try:
        found = validate_email(
            _with_quotes(text.strip()) if named else text.strip(),
            allow_display_name=named,
            check_deliverability=False,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return Address(found.display_name or "", found.local_part, found.ascii_domain)


def _with_quotes(text: str) -> str:
    name, bracket, rest = text.rpartition("<")
    name = name.strip()
    if not bracket or not name or name.startswith('"'):
        return text
    return f'"{name.translate(_ESCAPED)}" <{rest}'
