"""Pages for people who follow a link in a letter."""
