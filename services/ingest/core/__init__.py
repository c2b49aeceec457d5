"""What an event must be to get in. Pure: time, ids and what is known of aliases and imports are arguments."""
