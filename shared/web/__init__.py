"""The HTTP face that every service shares."""
