"""Analysis: what embeddings tell besides neighbours.

Classes learnt from labels, change between dates, clusters, outliers, and a picture of the vectors
themselves; of chips, or of patches where a product has a vector for each.
"""
