"""Evaluation: vectors and labels in, figures out by which products can be compared."""
