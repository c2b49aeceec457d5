"""Previews of drafts: what they would change over all accounts, at a sample first."""
