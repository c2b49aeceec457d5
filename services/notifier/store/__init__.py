"""What batches and senders read and write: all SQL but what HTTP reads. Works in the caller's transaction."""
