"""Lease, send, record: how what is due goes out."""
