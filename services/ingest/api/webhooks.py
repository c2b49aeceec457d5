"""The HTTP edge for vendors that sign what they send."""

from typing import Annotated

from fastapi import Header, Request, Response

from services.ingest.api import openapi
from services.ingest.api.events import answer_of
from services.ingest.api.parts import Parts
from services.ingest.core import stripe
from services.ingest.core.reading import Unreadable
from services.ingest.core.senders import Sender
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1/webhooks", tags=["webhooks"])


@router.post(
    "/stripe",
    summary="Stripe's webhook endpoint",
    description="Verified by Stripe-Signature; takes no API key. Invoices finalized, paid, failed and voided, and "
    "subscriptions created, updated and deleted are read; others are answered 200 and ignored. The account is "
    "metadata.account_id of the invoice or its subscription, else the alias stripe:cus_….",
    status_code=202,
    response_class=Response,
    responses={202: openapi.ANSWER, 200: {"description": "An event that says nothing to Keepwell."}},
)
async def post_stripe(
    request: Request,
    ingest: Parts,
    stripe_signature: Annotated[str | None, Header(alias="Stripe-Signature", max_length=4096)] = None,
) -> Response:
    """Verify, translate, and take it like any other event."""
    if ingest.stripe_secret is None:
        words = "Stripe is not set up here: set KEEPWELL_STRIPE_SECRET to the endpoint's signing secret (whsec_…)."
        raise Problem(503, "stripe_not_set_up", words, retry_after=3600)
    ingest.intake.check_open()
    try:
        stripe.read_signature(stripe_signature, ingest.clock.now())
        body = await request.body()
        stripe.verify(stripe_signature, body, ingest.stripe_secret, ingest.clock.now())
        raw = stripe.translate(body)
    except stripe.Unsigned as error:
        raise Problem(401, "invalid_signature", str(error), headers={"WWW-Authenticate": "Stripe-Signature"}) from None
    except stripe.Unusable as error:
        unusable = Unreadable("unusable", str(error))
        raise await ingest.reception.unreadable(body, unusable, Sender(stripe.SOURCE), stripe.SOURCE) from None
    if raw is None:
        return Response(b'{"accepted":0,"refused":[]}', 200, media_type="application/json")
    return answer_of(await ingest.reception.events([raw], Sender(stripe.SOURCE), stripe.SOURCE, sent=body))
