"""Compilers of QEMU's documents: text in, catalog and document findings out.

Pure: a compiler sees a string, never a file.
"""
