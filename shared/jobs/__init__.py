"""Work that takes longer than a request: each is computed in a child process, and what comes of it is a row that any
process can read."""
