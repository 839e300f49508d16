"""Sign sketches: one bit a number, set where an embedding lies above its product's centre.

Embeddings that point the same way differ in few bits, and bits are counted fast.
"""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
"""(W, N): sketches of N rows, 64 bits a word; a scan reads word after word of many rows."""
Places = npt.NDArray[np.uint32]
"""(N,) numbers of rows."""
Bits = npt.NDArray[np.uint16]
"""(N,) in how many bits rows differ."""
_ROWS_AT_ONCE = 16_384  # so that what is counted stays in the processor's cache


def sketch_words(vectors: np.ndarray, centre: np.ndarray) -> Words:
    """Sketches of (N, D) vectors as (ceil(D / 64), N) uint64; bits beyond D are 0."""
    width = vectors.shape[1]
    bits = np.zeros((len(vectors), -(-width // 64) * 64), dtype=bool)
    bits[:, :width] = vectors > centre
    words: Words = np.packbits(bits, axis=1, bitorder="little").view("<u8").T
    return words


def sketch_text(vector: np.ndarray, centre: np.ndarray) -> str:
    """Sketch of one (D,) vector as zeros and ones, the first number first."""
    return "".join("1" if bit else "0" for bit in vector > centre)


def differing_bits(words: Words, sketch: npt.NDArray[np.uint64]) -> Bits:
    """(N,) bits in which rows differ from one (W,) sketch."""
    count = np.zeros(words.shape[1], np.uint16)
    differing = np.empty(words.shape[1], np.uint64)
    bits = np.empty(words.shape[1], np.uint8)
    for column, word in zip(words, sketch, strict=True):
        np.bitwise_xor(column, word, out=differing)
        np.bitwise_count(differing, out=bits)
        count += bits
    return count


def nearest_sketches(
    words: Words, sketches: Words, most: int, places: Places | None = None
) -> tuple[Places, Bits]:
    """Places of the rows that differ least from the nearest of some sketches, and by how much.

    Args:
        words: (W, N) of all rows.
        sketches: (W, Q), one or more.
        most: rows that are wanted; there are more where several share the last rank.
        places: rows that may be chosen; all by default.
    """
    count = words.shape[1] if places is None else len(places)
    chosen, distances = np.empty(0, np.uint32), np.empty(0, np.uint16)
    bound = 64 * len(words)
    for start in range(0, count, _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, count)
        if places is None:
            part, own = words[:, start:end], np.arange(start, end, dtype=np.uint32)
        else:
            own = places[start:end]
            part = words[:, own]
        found = np.minimum.reduce([differing_bits(part, sketch) for sketch in sketches.T])
        near = found <= bound
        chosen = np.concatenate([chosen, own[near]])
        distances = np.concatenate([distances, found[near]])
        if len(chosen) > most:
            bound = int(np.partition(distances, most - 1)[most - 1])
            kept = distances <= bound
            chosen, distances = chosen[kept], distances[kept]
    return chosen, distances
