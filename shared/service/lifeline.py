"""Ends a process with the one that started it, however that ended."""

import os
import signal
import threading
import time

_GRACE = 12.0
"""Seconds for an orderly end; a service itself takes 10 at most."""


def end_with_parent() -> None:
    """End when standard input does: the supervisor holds its other end, and is gone then.

    By a thread, since the loop may be what stands still.
    """

    def watch() -> None:
        while os.read(0, 64):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
