"""A believable company to try Keepwell on: its past as a file, its stories as code, and the way to real times."""
