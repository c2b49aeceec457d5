"""Previews of mappings, computed in a child process."""
