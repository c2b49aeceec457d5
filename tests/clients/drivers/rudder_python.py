"""rudder-sdk-python, by its module-wide client."""

from common import HOST
from rudderstack import analytics
from segment_like import send

analytics.dataPlaneUrl = HOST
send(analytics)
