"""The four services: ingest, scoring, playbooks, notifier. None imports another."""
