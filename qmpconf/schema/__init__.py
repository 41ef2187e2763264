"""Catalogs: the model, the compilers that make them, JSON Schema, and the shipped ones."""
