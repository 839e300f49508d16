"""What a chip costs in the encoder, and how much of the processor's matrix rate that is.

    python benchmarks/encoder.py
    python benchmarks/encoder.py --networks clay_v0 clay_v1 vit resnet --precisions fp32 int8
    python benchmarks/encoder.py --device cuda --batch-size 32 --precisions bf16 --profile

Weights and pixels are random, sizes those of the released networks. Each line comes from a process
of its own, which also measures how fast this machine multiplies matrices of the same precision; on
a CPU that is float32 for fp32 and int8. `peer` is the code that Clay v0 was built of, vit-pytorch
1.6.4 with unfused attention, in the same sizes. CPU seconds are to be trusted on a shared machine,
with --threads 1 more so; wall times are not. On a GPU it needs torch, numpy and safetensors only.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS, statistics_of
from clay_assets.models.batches import FixedBatches, compiled
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.config import ClayV0Config, size_named
from clay_assets.models.cpu_layers import quicken
from clay_assets.models.families import family_with
from clay_assets.models.resnet import ResnetConfig
from clay_assets.models.token_encoder import ChipKind, Place, TokenEncoder
from clay_assets.models.vit import VitConfig

PLACE = Place(5.3, 60.4, "2023-06-12")
RGB = ("red", "green", "blue")
NETWORKS = {
    "clay_v0": (ClayV0Config(*size_named("small")), ChipKind(BAND_NAMES, 512, 10.0)),
    "clay_v1": (ClayV1Config(*SIZES_V1["base"]), ChipKind(SENTINEL2_BANDS, 256, 10.0)),
    "vit": (VitConfig(224, 16, 768, 12, 12, 3072), ChipKind(RGB, 224, 0.0)),
    "resnet": (ResnetConfig(True, (3, 4, 6, 3)), ChipKind(RGB, 224, 0.0)),
}
PRECISIONS = ("fp32", "bf16", "int8")
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}
PEER = "peer"


def main() -> None:
    """Measure each network in each precision, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["clay_v0"])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batches", type=int, default=3, help="timed, after one that is not")
    parser.add_argument("--batch-size", type=int, default=1, help="of more use on a GPU")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--mode", default="default", help="of torch.compile, on a GPU")
    parser.add_argument("--profile", action="store_true", help="print what the time goes into")
    parser.add_argument("--no-peer", action="store_true", help="without vit-pytorch")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.only:
        line(asked, *asked.only)
        return
    pairs = [(name, precision) for name in asked.networks for precision in asked.precisions]
    if "clay_v0" in asked.networks and asked.device == "cpu" and not asked.no_peer:
        pairs.insert(0, (PEER, "fp32"))
    for pair in pairs:
        if pair != ("resnet", "int8"):
            subprocess.run([sys.executable, "-W", "ignore", *sys.argv, "--only", *pair], check=True)


def line(asked: argparse.Namespace, name: str, precision: str) -> None:
    """Measure one network and print what came out as JSON."""
    device = torch.device(asked.device)
    with torch.inference_mode():
        run, chips = (peer(), 1) if name == PEER else network(asked, name, precision, device)
        wall, cpu = seconds_of(run, asked.batches)
        peak = peak_gib()
        rate = matrix_rate(device, TYPES[precision])
        flop = operations(NETWORKS["clay_v0" if name == PEER else name])
        figures = {
            "network": name,
            "precision": precision,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "threads": asked.threads,
            "cpu_s_a_chip": round(cpu / chips, 3),
            "wall_s_a_chip": round(wall / chips, 5),
            "chips_a_second": round(chips / wall, 3),
            "gflop_a_chip": round(flop / 1e9, 1),
            "matrix_gflop_a_second": round(rate["wall"] / 1e9),
            "share_of_matrix_rate": round(flop * chips / wall / rate["wall"], 3),
        }
        if device.type == "cpu":
            share = flop * chips / cpu / rate["cpu"]
            figures |= {"share_by_cpu_time": round(share, 3), "peak_rss_gib": peak}
        else:
            figures["peak_device_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        print(json.dumps(figures), flush=True)
        if asked.profile:
            profile(run, device)


def network(
    asked: argparse.Namespace, name: str, precision: str, device: torch.device
) -> tuple[Callable[[], object], int]:
    """What encodes one batch of a released size, and how many chips are in it."""
    config, kind = NETWORKS[name]
    torch.manual_seed(0)
    family = family_with(config)
    encoder = family.encoder_of(config, family.network(config).state_dict(), kind)
    encoder = quicken(encoder, precision) if device.type == "cpu" else encoder.to(device)
    pixels = [chip_of(kind) for _ in range(asked.batch_size)]
    numbers = encoder.metadata([PLACE] * len(pixels))

    def compute(batch: Tensor, metadata: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            return mean_of(encoder, batch, metadata)

    if device.type == "cuda":
        batches = FixedBatches(
            compiled(compute, mode=asked.mode), batch_size=len(pixels), device=device
        )
        return (lambda: batches.start(pixels, numbers)), len(pixels)
    whole = torch.from_numpy(np.stack(pixels))
    return (
        lambda: [compute(whole[[index]], numbers[[index]]) for index in range(len(whole))]
    ), len(pixels)


def mean_of(encoder: TokenEncoder, batch: Tensor, metadata: Tensor) -> Tensor:
    """(B, D) float32, the mean of the network's output tokens."""
    last, norm = len(encoder.layout.layers) - 1, encoder.layout.has_final_norm
    (tokens,) = encoder(batch, metadata, (last,), after_norm=norm)
    return tokens.patches.float().mean(dim=(1, 2, 3))


def chip_of(kind: ChipKind) -> np.ndarray:
    """(C, H, W) noise: float32 as of a satellite, uint8 for a picture."""
    rng = np.random.default_rng(0)
    shape = (len(kind.bands), kind.size_px, kind.size_px)
    if kind.bands == RGB:
        return rng.integers(0, 256, shape, np.uint8)
    means, stds = (np.array(values)[:, None, None] for values in statistics_of(kind.bands))
    return (rng.standard_normal(shape) * stds + means).astype(np.float32)


def peer() -> Callable[[], object]:
    """Clay v0.1's encoder of vit-pytorch's parts, as it was built; the file alone is loaded."""
    package = importlib.util.find_spec("vit_pytorch")
    if package is None or package.origin is None:
        raise SystemExit(
            "the peer needs `pip install --no-deps vit-pytorch==1.6.4 einops`; or pass --no-peer"
        )
    spec = importlib.util.spec_from_file_location("vit", Path(package.origin).parent / "vit.py")
    vit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vit)
    config, kind = NETWORKS["clay_v0"]
    size, groups = config.encoder, family_with(config).layout_of(config, kind).groups
    torch.manual_seed(0)
    embed = [
        nn.Conv2d(bands, size.dim, config.patch_size, config.patch_size)
        for bands in (3, 3, 1, 2, 2, 1)
    ]
    assert len(embed) == groups
    norms = [nn.LayerNorm(size.dim) for _ in embed]
    place, date = nn.Linear(2, size.dim), nn.Linear(3, size.dim)
    blocks = vit.Transformer(
        size.dim, size.depth, size.heads, size.dim_head, size.dim * size.mlp_ratio
    ).eval()
    parts = [torch.randn(1, layer.in_channels, kind.size_px, kind.size_px) for layer in embed]

    def run() -> Tensor:
        tokens = [
            norm(layer(part).flatten(2).transpose(1, 2))
            for layer, norm, part in zip(embed, norms, parts, strict=True)
        ]
        tokens += [place(torch.ones(1, 1, 2)), date(torch.ones(1, 1, 3))]
        return blocks(torch.cat(tokens, dim=1))[:, :-2].mean(dim=1)

    return run


def operations(sizes: tuple[object, ChipKind]) -> int:
    """Multiplications and additions of one chip, counted by torch while it is encoded."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    config, kind = sizes
    with torch.device("meta"):
        network = family_with(config).network(config)
    tensors = {name: torch.zeros(part.shape) for name, part in network.state_dict().items()}
    encoder = family_with(config).encoder_of(config, tensors, kind)
    pixels = torch.from_numpy(chip_of(kind))[None]
    # Unfused: the CPU's fused attention is not counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        mean_of(encoder, pixels, encoder.metadata([PLACE]))
    return int(counter.get_total_flops())


def matrix_rate(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Operations a second, by wall and by CPU time, of the products that a block consists of."""
    rows = 1538 if device.type == "cpu" else 16384
    shapes = [(768, 2304), (768, 768), (768, 3072), (3072, 768)]
    pairs = [
        (torch.randn(rows, k, device=device).to(dtype), torch.randn(k, n, device=device).to(dtype))
        for k, n in shapes
    ]
    repeats = 10 if device.type == "cpu" else 100
    wall, cpu = seconds_of(lambda: [left @ right for left, right in pairs], repeats)
    flop = sum(2 * rows * k * n for k, n in shapes)
    return {"wall": flop / wall, "cpu": flop / cpu}


def seconds_of(run: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Wall and CPU seconds of one call, after one that does not count."""
    run()
    finish()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        run()
    finish()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def finish() -> None:
    """Wait for a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_gib() -> float:
    """Most memory this process has had, in GiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def profile(run: Callable[[], object], device: torch.device) -> None:
    """Print the ten operations that take most of the time."""
    from torch.profiler import ProfilerActivity

    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with torch.profiler.profile(activities=kinds) as seen:
        run()
        finish()
    key = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    print(seen.key_averages().table(sort_by=key, row_limit=10, max_name_column_width=50))


if __name__ == "__main__":
    main()
