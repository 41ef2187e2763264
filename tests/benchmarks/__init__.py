"""Speed, measured as ratios in one run (qmpconf/README.md, Promises); nothing here is a test.

``python -m tests.benchmarks`` runs everything and writes reports/benchmarks.md.
"""
