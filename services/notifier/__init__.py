"""Brings what playbooks ask for to people: Slack, Teams, other chats, e-mail and an inbox of its own.

In: `keepwell.actions` (action.requested, action.cancelled, item.changed); of `keepwell.events.accounts` what is told of
contacts, for the address book; `/v1/deliveries/{id}/retry`; the templates of messages to customers, as documents.
Out: messages on channels; `keepwell.deliveries` (delivery.settled); `/v1/deliveries`, `/v1/inbox`, `/v1/contacts`,
`/v1/templates`.
Every message has a stable id, is tried a bounded number of times, and ends as delivered, failed or cancelled.
"""
