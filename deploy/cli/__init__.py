"""The `keepwell` command: one file a command, registered in `main`. It talks to the services by HTTP only."""
