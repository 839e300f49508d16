import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clay_assets import progress
from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.checkpoints import find_checkpoint, list_checkpoints, load_checkpoint
from clay_assets.chips import read_chip
from clay_assets.errors import ChipError, InvalidValueError, NotFoundError
from clay_assets.models import TransformerSize, build, encode_latlon, encode_timestep, normalise
from clay_assets.store import Store
from clay_assets.training import TrainingConfig, build_training_set, read_training_set, train
from clay_assets.training.loaders import make_loaders
from clay_assets.training.splitting import TRAIN, VALIDATION

LITTLE = TransformerSize(dim=32, depth=1, heads=2, dim_head=16, mlp_ratio=2)
QUICK = TrainingConfig(
    LITTLE,
    LITTLE,
    patch_size=8,
    crop_size=16,
    batch_size=4,
    max_seconds=None,
    max_steps=6,
    validate_every=2,
    validation_crops=4,
)


@pytest.fixture
def area(store: Store, make_area) -> Store:
    """A store with a training set of 5 x 5 chips on two dates."""
    make_area()
    build_training_set(store, run_id="run-1")
    return store


def test_the_loss_repeats_under_one_seed_and_differs_under_another(area: Store):
    first = train(area, "first", QUICK, run_id="run-1")
    again = train(area, "again", QUICK, run_id="run-1")
    other = train(area, "other", replace(QUICK, seed=7), run_id="run-1")
    assert first.train_losses == again.train_losses
    assert first.data_version == again.data_version
    assert other.train_losses != first.train_losses


def test_chips_read_by_other_processes_give_the_same_losses(area: Store):
    here = train(area, "here", QUICK, run_id="run-1")
    there = train(area, "there", replace(QUICK, workers=1), run_id="run-1")
    assert there.train_losses == here.train_losses
    assert there.validation_losses == here.validation_losses


def test_losses_are_those_of_each_step_and_each_validation(area: Store):
    report = train(area, "mine", replace(QUICK, max_steps=5), run_id="run-1")
    assert [step for step, _ in report.train_losses] == [0, 1, 2, 3, 4]
    assert [step for step, _ in report.validation_losses] == [0, 2, 4, 5]
    assert (report.steps, report.chips, report.skipped) == (5, 30, False)


def test_training_learns(area: Store):
    report = train(area, "mine", replace(QUICK, max_steps=40, validate_every=10), run_id="run-1")
    first, *_, last = (loss for _, loss in report.validation_losses)
    assert last < 0.7 * first


def test_the_best_state_is_kept(area: Store):
    spoiling = replace(QUICK, learning_rate=3.0, max_steps=8, loss="reference")
    report = train(area, "mine", spoiling, run_id="run-1")
    losses = [loss for _, loss in report.validation_losses]
    assert losses[-1] > min(losses)
    network, masks = build(load_checkpoint(area, "mine")), torch.Generator().manual_seed(42)
    (batch,) = make_loaders(area, read_training_set(area), spoiling).held_out
    mask = network.draw_mask(batch[0], masks)
    with torch.inference_mode():
        found = network.loss(network(*batch, mask), batch[0], mask).item()
    assert found == pytest.approx(min(losses), rel=1e-5)


def test_training_ends_when_its_time_is_over(area: Store):
    report = train(area, "mine", replace(QUICK, max_seconds=1.0, max_steps=None), run_id="run-1")
    assert report.steps > 0
    assert 1.0 <= report.seconds < 10.0  # one step and one validation late at most


def test_the_same_training_is_not_done_again(area: Store):
    first = train(area, "mine", QUICK, run_id="run-1")
    before = area.files("checkpoints")
    again = train(area, "mine", QUICK, run_id="run-2")
    assert again.skipped
    assert area.files("checkpoints") == before
    assert again.train_losses == first.train_losses
    assert np.array_equal(again.reconstruction.masked, first.reconstruction.masked, equal_nan=True)


def test_another_set_or_config_is_trained_anew(area: Store, make_area):
    train(area, "mine", QUICK, run_id="run-1")
    assert not train(area, "mine", replace(QUICK, max_steps=7), run_id="run-1").skipped
    make_area("29RKH", rows=1, columns=1)
    build_training_set(area, run_id="run-1")
    assert not train(area, "mine", replace(QUICK, max_steps=7), run_id="run-1").skipped


def test_the_card_says_how_it_was_trained(area: Store):
    train(area, "mine", QUICK, run_id="run-1")
    card = find_checkpoint(area, "mine").card["card"]
    version = read_training_set(area).meta["data_version"]
    assert card["source"] == f"trained on training set {version}"
    assert card["training"]["config"]["max_steps"] == 6
    assert (card["training"]["crop_size"], card["training"]["chips"]) == (16, 30)
    assert card["run_id"] == "run-1"


def test_the_example_shows_the_clearest_chip_held_out(area: Store):
    example = train(area, "mine", QUICK, run_id="run-1").reconstruction
    held_out = read_training_set(area).part(VALIDATION)
    row = held_out.loc[held_out["cloud_share"].idxmin()]
    assert example.chip_id == row["chip_id"]
    chip = read_chip(area, row["path"])
    assert np.array_equal(example.target, chip.pixels[[2, 1, 0]].transpose(1, 2, 0))
    network = build(load_checkpoint(area, "mine"))
    mask = network.draw_mask(torch.zeros(1, 13, 32, 32), torch.Generator().manual_seed(42))
    rgb = mask.matrix(6)[0, 0].reshape(4, 4).bool().numpy()
    hidden = np.isnan(example.masked)
    assert np.array_equal(hidden[::8, ::8], np.stack([rgb] * 3, axis=-1))
    assert np.array_equal(example.reconstruction[~hidden], example.target[~hidden])
    assert (example.reconstruction[hidden] != example.target[hidden]).mean() > 0.99


def test_chips_without_radar_and_elevation_train_a_smaller_network(store: Store, make_area):
    make_area(bands=SENTINEL2_BANDS)
    build_training_set(store, run_id="run-1")
    train(store, "mine", QUICK, run_id="run-1")
    config = load_checkpoint(store, "mine").config
    assert config.band_groups == ("rgb", "rededge", "nir", "swir")
    assert config.image_size == 32


def test_chips_without_red_green_and_blue_have_no_picture(store: Store, make_area):
    make_area(rows=1, columns=1, bands=("vh", "vv"))
    build_training_set(store, run_id="run-1")
    report = train(store, "mine", QUICK, run_id="run-1")
    assert report.reconstruction is None
    assert report.validation_losses == ()
    assert len(report.train_losses) == 6


def test_training_reports_its_progress(area: Store):
    seen = []
    with progress.listening(seen.append):
        train(area, "mine", QUICK, run_id="run-1")
    assert [at.done for at in seen if at.step == "Training mine"] == [0, 16, 33, 50, 66, 83, 100]


def test_training_leaves_the_random_state_of_others_alone(area: Store):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    make = replace(QUICK, max_steps=1)
    train(area, "mine", make, run_id="run-1")
    first = train(area, "first", make, run_id="run-1").data_version
    torch.manual_seed(4)
    assert train(area, "second", make, run_id="run-1").data_version == first
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), expected)


def test_training_says_nothing_and_leaves_no_files(area: Store, tmp_path: Path):
    script = (
        "import sys; from pathlib import Path; from clay_assets.store import Store\n"
        "from clay_assets.training import TrainingConfig, train\n"
        "import torch; torch.set_num_threads(1)\n"
        "config = TrainingConfig(patch_size=8, crop_size=16, batch_size=2, max_steps=2)\n"
        "train(Store(sys.argv[1], Path(sys.argv[2])), 'quiet', config, run_id='run-1')\n"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, area.root, str(area.cache)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert list(folder.iterdir()) == []


def test_a_damaged_chip_is_named_and_nothing_is_stored(area: Store):
    path = read_training_set(area).part(TRAIN)["path"][0]
    area.write_bytes(path, area.read_bytes(path)[:500])
    with pytest.raises(ChipError, match=Path(path).name):
        train(area, "mine", QUICK, run_id="run-1")
    assert list_checkpoints(area) == []


@pytest.mark.parametrize(
    ("device", "message"),
    [("tpu", "one of auto, cpu, cuda, mps, got 'tpu'"), ("mps", "mps is not on this machine")],
)
def test_a_device_that_is_not_there_is_refused(area: Store, device: str, message: str):
    with pytest.raises(InvalidValueError, match=message):
        train(area, "mine", QUICK, device=device, run_id="run-1")


def test_training_without_a_training_set_says_what_to_do(store: Store):
    with pytest.raises(NotFoundError, match="materialise `training_set` first"):
        train(store, "mine", QUICK, run_id="run-1")


def test_neighbours_of_a_trained_network_share_their_ground(area: Store):
    train(area, "mine", replace(QUICK, max_steps=40, validate_every=20), run_id="run-1")
    encoder, rows = build(load_checkpoint(area, "mine")).encoder, read_training_set(area).rows
    pixels = torch.stack([torch.from_numpy(read_chip(area, path).pixels) for path in rows["path"]])
    places = zip(rows["lon"], rows["lat"], strict=True)
    latlon = torch.tensor([encode_latlon(lon, lat) for lon, lat in places])
    timestep = torch.tensor([encode_timestep(date.isoformat()) for date in rows["date"]])
    with torch.inference_mode():
        vectors = encoder(normalise(pixels), latlon, timestep)[:, :-2].mean(dim=1)
    unit = torch.nn.functional.normalize(vectors)
    scores = (unit @ unit.T).fill_diagonal_(-1)
    kind = torch.tensor([int(chip_id[-4:]) - 1 for chip_id in rows["chip_id"]]) % 5 % 2
    neighbours = scores.topk(5, dim=1).indices
    assert (kind[neighbours] == kind[:, None]).float().mean() > 0.95  # chance is about a half
