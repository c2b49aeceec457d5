"""Everything on one machine: PostgreSQL, Kafka where it is wanted, and the four services, minded by a supervisor."""
