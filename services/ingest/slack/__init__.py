"""Slack's side of the door: who clicked is looked up, forms are opened, and what was answered goes on."""
