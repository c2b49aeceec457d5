"""What every worker does: takes partitions, handles batches once, keeps timers, relays what was decided."""
