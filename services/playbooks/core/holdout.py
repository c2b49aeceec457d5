"""The share of accounts for which a playbook only decides, so that one can see what it brings to all others.

Nobody chooses them: it follows from the playbook's id and the account's, by a keyed hash. So it is the same in every
version, process and machine; a larger share holds out who was held out by a smaller one, and more; and of several
playbooks each has a share of its own.
"""

from hashlib import blake2b
from typing import Final

from services.playbooks.core.playbook import Playbook

AUTOMATED: Final = frozenset({"survey", "message", "webhook", "trait", "if", "until"})
"""What the steps of a playbook may be that holds out a share: nothing that people work through."""
MOST: Final = 50
"""Percent."""
_WHOLE: Final = 2**64


def is_held_out(playbook: Playbook, account: str) -> bool:
    """Is an account of the share that a playbook holds out?"""
    return bool(playbook.holdout) and 100 * _place(playbook.id, account) < playbook.holdout * _WHOLE


def _place(playbook: str, account: str) -> int:
    key = blake2b(playbook.encode(), digest_size=32).digest()
    return int.from_bytes(blake2b(account.encode(), key=key, digest_size=8).digest())
