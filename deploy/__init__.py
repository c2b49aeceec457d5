"""How Keepwell is put together and run: on one machine, in containers, and by hand."""

SERVICES = ("ingest", "scoring", "playbooks", "notifier")
"""In the order of their ports. (`shared.settings` has them too; the supervisor is smaller without it.)"""
