"""Playing a recording against another monitor, and judging what it says."""
