"""What playbooks are and how their episodes move: pure, with time, facts and people as arguments."""
