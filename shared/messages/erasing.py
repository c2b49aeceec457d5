"""How those are known again of whom nothing is to stay."""

from functools import lru_cache
from hashlib import blake2b


@lru_cache(maxsize=1 << 14)
def digest_of(contact: str) -> str:
    """What is kept of a contact that was erased: enough to know them again, not to name them."""
    return blake2b(contact.encode(), digest_size=9, person=b"keepwell").hexdigest()
