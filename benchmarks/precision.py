"""How far vectors of lower precision are from those of fp32, on chips of real imagery.

    python benchmarks/precision.py --imagery item.json --tile 29RKH --folder /tmp/precision

The network is Clay v0.1 (small) with weights that are drawn, not learnt: uniform, of the variance
that keeps tokens in range, seeded by each tensor's name. Or pass --checkpoint FILE, anything that
`clay-assets checkpoint import` takes.
"""

import argparse
import json
import zlib
from pathlib import Path

import numpy as np
import torch

from clay_assets.checkpoint_import import import_checkpoint
from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import cut_tile, read_chip, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import load_encoder
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.suiting import kind_of
from clay_assets.ingest import find_imagery, plan_tile
from clay_assets.models import ClayV0, ClayV0Config, make_checkpoint, size_named
from clay_assets.store import Store

LEVELS = ("mean", "patch")


def main() -> None:
    """Cut the chips, embed them in each precision, print the cosines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--imagery", required=True, help="what CLAY_IMAGERY takes")
    parser.add_argument("--tile", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--checkpoint", help="file to import instead of drawing weights")
    parser.add_argument("--chip-size", type=int, default=512)
    parser.add_argument("--chips", type=int, default=16, help="at most")
    asked = parser.parse_args()
    store = Store(str(asked.folder / "data"), asked.folder / "cache")
    plan_tile(store, find_imagery(asked.imagery, asked.tile), run_id="")
    cut_tile(store, asked.tile, chip_size=asked.chip_size, run_id="")
    if asked.checkpoint:
        checkpoint_id = import_checkpoint(
            store, asked.checkpoint, "default", run_id=""
        ).data_version
    else:
        checkpoint_id = drawn(store)
    rows = manifest_rows(read_manifest(store, asked.tile))[: asked.chips]
    chips = [read_chip(store, row.path) for row in rows]
    for level in LEVELS:
        found = {}
        for precision in ("fp32", "bf16", "int8"):
            encoder = load_encoder(
                *(store, checkpoint_id, kind_of(rows[0]), Extraction(level)),
                **{"device": "cpu", "precision": precision, "batch_size": len(chips)},
            )
            vectors = encoder.embed(chips).wait().reshape(-1, encoder.resolved.shape[-1])
            found[precision] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for precision in ("bf16", "int8"):
            cosines = (found[precision] * found["fp32"]).sum(axis=1)
            figures = {
                "level": level,
                "precision": precision,
                "chips": len(chips),
                "vectors": len(cosines),
                "least_cosine": round(float(cosines.min()), 6),
                "mean_cosine": round(float(cosines.mean()), 6),
            }
            if level == "mean":
                figures["mean_cosine_of_two_chips"] = round(between(found["fp32"]), 6)
                figures["same_nearest_chip"] = same_nearest(found["fp32"], found[precision])
            print(json.dumps(figures), flush=True)


def drawn(store: Store) -> str:
    """Keep a Clay v0.1 whose weights are drawn; returns its id."""
    config = ClayV0Config(*size_named("small"))
    with torch.device("meta"):
        shapes = {name: tuple(part.shape) for name, part in ClayV0(config).state_dict().items()}
    tensors = {name: torch.from_numpy(numbers(name, shape)) for name, shape in shapes.items()}
    checkpoint = make_checkpoint(config, tensors, {"source": "drawn"})
    return put_checkpoint(store, checkpoint, "default", inputs="", run_id="").id


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of that name: gains about 1, biases about 0, weights of variance 1 / inputs."""
    seed = zlib.crc32(name.encode()) & 0xFFFFFFFF
    drawn = np.random.RandomState(seed).random_sample(shape).astype(np.float32) * 2 - 1
    if len(shape) == 1:
        return (drawn * np.float32(0.1) + np.float32(name.endswith("weight"))).astype(np.float32)
    return (drawn * np.float32(np.sqrt(3.0 / np.prod(shape[1:])))).astype(np.float32)


def between(vectors: np.ndarray) -> float:
    """Mean cosine of two different chips: what 1 minus a cosine is to be compared with."""
    cosines = vectors @ vectors.T
    return float(cosines[~np.eye(len(vectors), dtype=bool)].mean())


def same_nearest(left: np.ndarray, right: np.ndarray) -> float:
    """Share of chips whose nearest other chip is the same in both."""
    nearest = [(part @ part.T - 2 * np.eye(len(part))).argmax(axis=1) for part in (left, right)]
    return round(float((nearest[0] == nearest[1]).mean()), 3)


if __name__ == "__main__":
    main()
