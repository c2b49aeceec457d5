"""What Slack sends when somebody presses a button or sends a form, signed as Slack signs it.

https://docs.slack.dev/reference/interaction-payloads
"""

import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

TEAM: Final = "T0DEMO"
"""The workspace."""


def pressed(message: Mapping[str, Any], move: str, user: str, trigger: str, response_url: str) -> dict[str, Any]:
    """Somebody pressed a button of a message, as it was sent. Raises `LookupError` where it has no such button."""
    buttons = [one for block in message["blocks"] for one in block.get("elements", ()) if one.get("action_id") == move]
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": TEAM},
        "team": {"id": TEAM},
        "trigger_id": trigger,
        "response_url": response_url,
        "actions": [{**buttons[0], "action_ts": f"{time.time():.6f}"}],
    }


def submitted(view: Mapping[str, Any], view_id: str, user: str, **filled: str) -> dict[str, Any]:
    """Somebody sent a form, as it was opened, with what they filled in by the names of its fields."""
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input" and (given := filled.get(block["block_id"])) is not None:
            element = block["element"]
            said = {"selected_option": {"value": given}} if "options" in element else {"value": given}
            values[block["block_id"]] = {element["action_id"]: {"type": element["type"], **said}}
    return {
        "type": "view_submission",
        "user": {"id": user, "team_id": TEAM},
        "team": {"id": TEAM},
        "view": {**view, "id": view_id, "state": {"values": values}},
    }


def signed(payload: Mapping[str, Any], secret: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of Slack's request."""
    # The library takes longer to import than most commands take.
    from slack_sdk.signature import SignatureVerifier

    body, stamp = urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": str(signature),
    }
