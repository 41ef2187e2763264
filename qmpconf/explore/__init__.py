"""Exploration: calls that nobody thought of, made of a server's own schema and of what it has said."""
