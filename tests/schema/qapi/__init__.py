"""Tests of the compiler for QAPI source."""
