"""How Keepwell is started, migrated, shipped and shown."""
