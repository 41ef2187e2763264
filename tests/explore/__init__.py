"""Tests of qmpconf/explore."""
