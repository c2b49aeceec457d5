"""Webhooks: other systems are called, each by connections and at a pace of its own."""
