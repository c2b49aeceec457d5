"""Brings what playbooks ask for to people, also to customers', and what happens to other systems.

In: `keepwell.actions` (action.requested, action.cancelled, item.changed, webhook.told); of `keepwell.events.accounts`
what is told of contacts, for the address book; `/v1/deliveries/{id}/retry`; the templates of messages to customers, as
documents.
Out: messages by Slack, Teams, other chats, e-mail and an inbox of its own; webhooks; `keepwell.deliveries`
(delivery.settled, webhooks.wanted); `/v1/deliveries`, `/v1/inbox`, `/v1/contacts`, `/v1/templates`, `/v1/endpoints`.
Every message has a stable id, is tried a bounded number of times, and ends as delivered, failed or cancelled.
"""
