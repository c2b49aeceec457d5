"""What is kept of people: how much they look after, who they were, and what moved when they were not there."""
