"""Findings and results as text and data, for people and for programs."""
