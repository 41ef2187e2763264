"""Many recordings: work that is shared out over processes and machines, and put together again (README.md)."""
