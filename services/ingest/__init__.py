"""Ingest: the door. Events come in by HTTP; what is checked goes out on the event topics.

In: POST /v1/events (CloudEvents in every HTTP mode, plain lists), POST /v1/webhooks/stripe, imports, API keys; and
    POST /v1/webhooks/slack and /a/{token}, where people press buttons in messages and follow links in letters; and
    /u/{token}, where a customer's people say that they want no more of them.
Out: the topics `keepwell.events.*`, and what people answered on `keepwell.deliveries`, keyed by account.
Keeps: mappings, which say how what clients send is understood; aliases, events that wait until the account of their
    alias is known, imports of history, and used links.
"""
