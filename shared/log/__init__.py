"""The log that events travel on: one protocol, and its two homes."""
