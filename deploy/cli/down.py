"""`keepwell down`: ends what `up` started on this machine."""


def down() -> None:
    """End the stack on this machine."""
