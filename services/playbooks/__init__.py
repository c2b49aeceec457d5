"""Playbooks decide who shall do what about an account, once, and keep the lists that people work through.

In: `keepwell.assessments` (facts, one assessment at a time) and `keepwell.deliveries` (what recipients answered).
Out: `keepwell.actions` (alerts, tasks, expansion flags and digests, and what of them is cancelled).
Kept: episodes with every move, tasks, alerts, flags, and each account's last facts.
"""
