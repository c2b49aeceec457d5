"""Playbooks tried before they are switched on: on all accounts as they stand, and on the days that were recorded. A
trial writes nothing but how far it is and what came of it."""

from typing import Final

DRY_RUN: Final = "dry-run"
BACKTEST: Final = "backtest"
CHILD: Final = "services.playbooks.trials"
"""The module that computes them, in a process of its own."""
WITHIN_DAYS: Final = 90
"""In how many days after a firing an account has to leave for it to have been a warning, unless said."""
