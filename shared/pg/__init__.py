"""PostgreSQL: connections, the one place that commits, and rows in bulk."""
