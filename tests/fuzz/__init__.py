"""A fuzz harness: real inputs, changed inside their records, for every verb's reader.

``python -m tests.fuzz --help``.  What it finds becomes a file of ``corpus``, which `test_corpus`
replays for ever; ``findings.toml`` says what was found with each, and how it was mended.
"""
