"""What every test may ask for. Examples are never timed, and CI draws the same ones each time."""

import os

from hypothesis import settings

from tests.support.kafka import kafka_broker
from tests.support.postgres import database_url, databases, postgres
from tests.support.shared import began

__all__ = ["database_url", "databases", "kafka_broker", "postgres"]

settings.register_profile("keepwell", settings.get_profile("default"), deadline=None, derandomize="CI" in os.environ)
settings.load_profile("keepwell")
# Before the processes that share it are started.
began()
