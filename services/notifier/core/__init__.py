"""What the notifier decides: what a message says, where it goes, what goes together, and when to try again. Pure."""
