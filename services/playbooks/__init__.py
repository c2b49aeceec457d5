"""Playbooks decide who shall do what about an account, once, and keep the lists that people work through.

In: `keepwell.assessments` (facts, one assessment at a time) and `keepwell.deliveries` (what recipients answered, and
what endpoints want to be told).
Out: `keepwell.actions` (alerts, tasks, flags, digests, surveys, messages to contacts, webhooks, what is cancelled, whom
to forget, and what endpoints are told) and `account.updated` on `keepwell.events.accounts` (traits and owners that
steps set).
Kept: episodes with every move, tasks, alerts, flags, each account's last facts, and those of its days.
"""
