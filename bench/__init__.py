"""What is measured, against the machine's own limits, side by side in one run: `make bench`."""
