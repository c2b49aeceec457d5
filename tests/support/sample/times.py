"""Times as the sample company's file has them: relative, so that it is always of today."""


def week(day: int, second: int) -> str:
    """A time on a day of the demo's week; 0 is its Monday."""
    return f"@w{day:+}T{clock(second)}"


def day(offset: int, second: int = 0) -> str:
    """A time on a day counted from the demo day."""
    return f"@d{offset:+}T{clock(second)}"


def clock(second: int) -> str:
    """A second of the day as `09:13:22`."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
