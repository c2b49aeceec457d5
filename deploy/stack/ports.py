"""Whether a port is free, and who holds it if not."""

import socket

from deploy.stack.processes import command_of

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def holder_of(port: int) -> str:
    """Who listens there, in words for people."""
    import psutil  # the supervisor stays small without it; this is asked only before it ends

    try:
        listening = [
            c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        ]
    except psutil.AccessDenied:
        listening = []
    pid = next((connection.pid for connection in listening if connection.pid), None)
    return f"pid {pid} ({' '.join(command_of(pid).split())[:120]})" if pid else "a program of another user"


def answers_ready(port: int) -> bool:
    """Whether `GET /readyz` there answers 200. By hand, because an HTTP client would double the supervisor's size."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=3) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(64).split()[1:2] == [b"200"]
    except OSError:
        return False
