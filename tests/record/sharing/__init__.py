"""Tests of `qmpconf.record.sharing`."""
