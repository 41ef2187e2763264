"""A recording answers as the server."""
