"""What HTTP answers of accounts that were merged."""

from typing import Any, Self
from urllib.parse import quote

from pydantic import BaseModel


class Linked(BaseModel):
    """Another account, and where it is read."""

    id: str
    name: str | None
    url: str

    @classmethod
    def of(cls, id: str, name: str | None, **_: Any) -> Self:
        """By its id."""
        return cls(id=id, name=name, url=f"/v1/accounts/{quote(id, safe='')}")
