"""How events leave: by the publisher at once, or by the outbox, which one process of ingest minds."""
