"""Sign sketches: one bit a number, set where an embedding lies above its product's centre.

Embeddings that point the same way differ in few bits, and bits are counted fast.
"""

import numpy as np


def sketch_words(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Sketches of (N, D) vectors as (N, ceil(D / 64)) uint64; bits beyond D are 0."""
    width = vectors.shape[1]
    bits = np.zeros((len(vectors), -(-width // 64) * 64), dtype=bool)
    bits[:, :width] = vectors > centre
    return np.packbits(bits, axis=1, bitorder="little").view("<u8")


def sketch_text(vector: np.ndarray, centre: np.ndarray) -> str:
    """Sketch of one (D,) vector as zeros and ones, the first number first."""
    return "".join("1" if bit else "0" for bit in vector > centre)
