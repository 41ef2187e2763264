"""Mutation tests: faults planted by mutmut in what judges, a sample of which the tests must see.

``python -m tests.mutation --help``.  ``survivors.toml`` says of each fault that no test sees why it
may stay; reports/mutation.md is made of both.
"""
