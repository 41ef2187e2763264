"""Speed, measured as ratios in one run (DESIGN.md section 9); nothing here is a test.

``python -m tests.benchmarks`` runs everything and writes reports/benchmarks.md.
"""
