"""Search: one query, two engines, the same answers."""
