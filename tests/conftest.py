"""What every test may ask for."""

from tests.support.kafka import kafka_broker
from tests.support.postgres import database_url, postgres

__all__ = ["database_url", "kafka_broker", "postgres"]
