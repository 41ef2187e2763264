"""The shortest recording that still shows a difference."""
