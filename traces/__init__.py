"""Recorded sessions, and what records them again."""
