"""Scoring folds customer events into one state an account, and tells how healthy the account is and why.

In: the five `keepwell.events.*` topics. Out: `keepwell.assessments`, one message an assessment, and partition marks.
Kept: account states, users, tickets, invoices, survey answers, the ledger of score changes, imports.
Read: accounts, explanations and NPS under `/v1`; a fingerprint of all folded state.
"""
