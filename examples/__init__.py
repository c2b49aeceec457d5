"""Receivers of Keepwell's webhooks, to be copied and changed: they keep a CRM or a customer-data platform up to date.

They import nothing of Keepwell's: what they know is what an endpoint gets.
"""
