"""`keepwell up`: starts everything on this machine."""


def up() -> None:
    """Start PostgreSQL and the four services on this machine."""
