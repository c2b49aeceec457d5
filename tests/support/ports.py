"""Ports for what tests start: of a range of this test process's own, so that no two processes take the same."""

import os
import socket

_FIRST, _RANGE = 20_000, 3_000
"""Below the ports that the system gives to connections; a range for each of up to four test processes."""
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_given = os.getpid() * 12 % _RANGE


def free_ports(count: int = 1) -> int:
    """The first of `count` ports in a row that nobody listens on, and that were not given out lately."""
    global _given  # noqa: PLW0603 - one counter a process is the point
    for _ in range(_RANGE):
        if _given + count > _RANGE:
            _given = 0
        base = _FIRST + _WORKER * _RANGE + _given
        _given += count
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
