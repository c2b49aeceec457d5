"""segment-analytics-python, by its module-wide client."""

from common import HOST
from segment import analytics
from segment_like import send

analytics.host = HOST
send(analytics)
