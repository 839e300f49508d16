"""Satellite imagery in, searchable and traceable embeddings out, each step a Dagster asset."""

__version__ = "0.1.0"
