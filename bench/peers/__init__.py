"""What others make, each in an environment of its own."""
