"""The parts of the one-machine stack: who a process is, when it is started again, and what is on record."""
