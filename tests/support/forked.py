"""Services' processes, forked from one that has imported what they are made of: tests start and kill many."""

import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

from tests.support.stack import SERVICES, Process, Stack

_forking = get_context("forkserver")
_forking.set_forkserver_preload([f"services.{name}.main" for name in SERVICES])


class ForkedStack(Stack):
    """A stack whose processes are forked."""

    def launch(self, module: str, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
        """Fork one."""
        return Forked(module, arguments, env, log)


class Forked:
    """A process that runs `python -m module arguments…` and appends what it says to a log; used as one of Popen's."""

    def __init__(self, module: str, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._process = _forking.Process(target=_run, args=(module, arguments, dict(env), str(log)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def send_signal(self, signal: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended. Raises `TimeoutExpired`."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code


def _run(module: str, arguments: Sequence[str], env: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    with Path(os.devnull).open("rb") as nothing, Path(log).open("ab") as said:
        os.dup2(nothing.fileno(), 0)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    # As PYTHONWARNINGS=default has it.
    warnings.simplefilter("default")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
