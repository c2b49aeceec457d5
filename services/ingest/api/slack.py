"""The HTTP edge for what Slack tells: buttons that were pressed, and forms that came back."""

from collections.abc import Mapping

import msgspec
from fastapi import Request, Response

from services.ingest.api.parts import Ingest, Parts
from services.ingest.api.reading import body_within
from services.ingest.core import interactions
from services.ingest.core.interactions import Click, Interaction, PreferencesClick, Submission
from services.ingest.slack import signing
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1/webhooks", tags=["webhooks"])
_ABOUT = """\
The request URL for an app's interactivity. Verified by X-Slack-Signature and X-Slack-Request-Timestamp, of within 5
minutes; takes no API key. A button that says all by itself (take, acknowledge, close, accept, dismiss) is passed on,
one that asks for more (done, snooze, reassign, false alarm, and when to hear) opens a form, and what the form says is
passed on. Slack is answered within 2.5 s, once the broker has confirmed; other requests of Slack are answered 200 and
ignored."""


@router.post(
    "/slack",
    summary="Slack's buttons and forms",
    description=_ABOUT,
    response_class=Response,
    responses={200: {"description": "It was passed on, or is nothing to Keepwell. Or what is wrong with a form."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["payload"],
                        "properties": {"payload": {"type": "string", "description": "Slack's JSON."}},
                    }
                }
            },
        }
    },
)
async def post_slack(request: Request, ingest: Parts) -> Response:
    """Verify, read, and act on it."""
    if ingest.slack_secret is None:
        words = "Slack's buttons are not set up here: set KEEPWELL_SLACK_SIGNING_SECRET to the app's signing secret."
        raise Problem(503, "slack_not_set_up", words, retry_after=3600)
    try:
        signing.check_stamp(request.headers, ingest.clock.now())
        body = await body_within(request, interactions.LARGEST)
        signing.verify(request.headers, body, ingest.slack_secret, ingest.clock.now())
        came = interactions.read(body)
    except signing.Unsigned as error:
        raise Problem(401, "invalid_signature", str(error), headers={"WWW-Authenticate": "X-Slack-Signature"}) from None
    except interactions.Unusable as error:
        raise Problem(400, "unusable", str(error)) from None
    if came is not None and (faults := await _act(ingest, came)):
        told = {"response_action": "errors", "errors": faults}
        return Response(msgspec.json.encode(told), 200, media_type="application/json")
    return Response(status_code=200)


async def _act(ingest: Ingest, came: Interaction) -> Mapping[str, str]:
    """Returns what is wrong with a form."""
    if isinstance(came, Click):
        await ingest.interactions.click(came)
        return {}
    if isinstance(came, Submission):
        return await ingest.interactions.submit(came)
    if isinstance(came, PreferencesClick):
        await ingest.hearing.click(came)
        return {}
    return await ingest.hearing.submit(came)
