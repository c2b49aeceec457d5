"""The shapes of the HTTP face."""
