"""Whether a request is Slack's: https://docs.slack.dev/authentication/verifying-requests-from-slack."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from slack_sdk.signature import Clock, SignatureVerifier

STAMP: Final = "x-slack-request-timestamp"
SIGNATURE: Final = "x-slack-signature"
TOLERANCE: Final = 300
"""Seconds."""
_STAMP: Final = re.compile(r"[0-9]{1,11}")
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")


class Unsigned(Exception):
    """The signature doesn't prove that Slack sent this; the text says why."""


class _At(Clock):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> float:
        return self._now.timestamp()


def check_stamp(headers: Mapping[str, str], now: datetime) -> None:
    """Whether it may be Slack's at all, before its body is read. Raises `Unsigned`."""
    stamp, signature = headers.get(STAMP, ""), headers.get(SIGNATURE, "")
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        raise Unsigned("There is no X-Slack-Signature with its X-Slack-Request-Timestamp. Only Slack may post here.")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise Unsigned(f"The signature is older than {TOLERANCE} s, or from the future. Check this machine's clock.")


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Check what Slack signed. Raises `Unsigned`."""
    check_stamp(headers, now)
    try:
        fits = SignatureVerifier(secret, _At(now)).is_valid(body, headers[STAMP], headers[SIGNATURE])
    except UnicodeDecodeError:
        fits = False
    if not fits:
        words = "The signature doesn't fit. Set KEEPWELL_SLACK_SIGNING_SECRET to the app's signing secret."
        raise Unsigned(words)
