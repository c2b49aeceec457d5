"""What intake and housekeeping read and write: aliases with what waits for them, and imports."""
