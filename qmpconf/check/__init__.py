"""Trace and catalog to findings.  Pure: it opens no file, and knows no clock."""
