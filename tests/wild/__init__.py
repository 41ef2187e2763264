"""Inputs in the shapes in which people report QMP, with the right answer to each."""
