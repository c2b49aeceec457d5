"""What every test may ask for."""

from tests.support.kafka import kafka_broker
from tests.support.postgres import database_url, databases, postgres

__all__ = ["database_url", "databases", "kafka_broker", "postgres"]
