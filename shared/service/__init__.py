"""How one process of a service is built and run."""
