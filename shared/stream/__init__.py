"""How messages travel: one small protocol with two homes, Apache Kafka and a durable log in PostgreSQL."""
