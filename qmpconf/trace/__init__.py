"""The trace file: records, reader, writer and redaction (qmpconf/README.md, The house)."""
