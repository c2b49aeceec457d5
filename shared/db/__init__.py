"""PostgreSQL: the engine, the one place that commits, and what every worker keeps beside its own tables."""
