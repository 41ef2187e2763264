"""The trace file: records, reader, writer and redaction (DESIGN.md section 4)."""
