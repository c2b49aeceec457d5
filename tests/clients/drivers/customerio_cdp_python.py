"""customerio-cdp-analytics, by its module-wide client."""

from common import HOST
from customerio import analytics
from segment_like import send

analytics.host = HOST
send(analytics)
