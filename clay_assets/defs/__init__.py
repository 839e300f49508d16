"""Dagster: one module a stage, plus partitions, resources, checks and jobs."""
