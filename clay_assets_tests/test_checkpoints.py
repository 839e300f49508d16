import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from clay_assets.checkpoint_import import as_heads, import_checkpoint
from clay_assets.checkpoints import (
    export_checkpoint,
    find_checkpoint,
    has_checkpoint,
    list_checkpoints,
    load_checkpoint,
    put_checkpoint,
    up_to_date,
)
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError
from clay_assets.models import (
    Checkpoint,
    ClayV0,
    ClayV0Config,
    TransformerSize,
    export_original,
    make_checkpoint,
    size_named,
)
from clay_assets.store import Store

LITTLE = TransformerSize(dim=16, depth=1, heads=2, dim_head=4, mlp_ratio=2)


def little(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    config = ClayV0Config(LITTLE, LITTLE, image_size=16, patch_size=4)
    return make_checkpoint(config, ClayV0(config).state_dict(), {"source": f"seed {seed}"})


@pytest.fixture(scope="module")
def lightning_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Lightning file of a released size."""
    torch.manual_seed(0)
    config = ClayV0Config(*size_named("tiny"))
    path = tmp_path_factory.mktemp("original") / "clay.ckpt"
    export_original(make_checkpoint(config, ClayV0(config).state_dict(), {}), path)
    return path


def test_an_imported_checkpoint_is_found_by_name_and_by_id(store: Store, lightning_file: Path):
    report = import_checkpoint(store, str(lightning_file), "default", run_id="run-1")
    assert (report.skipped, report.size, report.parameters) == (False, "tiny", 7_534_848)
    by_name, by_id = find_checkpoint(store, "default"), find_checkpoint(store, report.data_version)
    assert by_name.key == by_id.key == f"checkpoints/{report.data_version}"
    assert (by_name.name, by_id.name) == ("default", None)
    assert by_name.card["card"]["source"] == str(lightning_file)
    assert by_name.run_id == by_name.card["card"]["run_id"] == "run-1"
    assert load_checkpoint(store, "default").id == report.data_version
    assert json.loads(store.read_bytes(f"{by_name.key}/card.json")) == by_name.card


def test_importing_the_same_file_again_does_no_work(store: Store, lightning_file: Path):
    first = import_checkpoint(store, str(lightning_file), "default", run_id="run-1")
    before = {file.key: file.etag for file in store.files()}
    again = import_checkpoint(store, str(lightning_file), "default", run_id="run-2")
    assert again.skipped
    assert again.data_version == first.data_version
    assert {file.key: file.etag for file in store.files()} == before


def test_a_checkpoint_is_imported_over_http(store: Store, lightning_file: Path):
    handler = partial(QuietHandler, directory=str(lightning_file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/clay.ckpt"
        report = import_checkpoint(store, f"{url}?signature=secret", "web", run_id="run-1")
        server.shutdown()
    assert report.source == url
    assert load_checkpoint(store, "web").config.size_name == "tiny"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


def test_a_golden_checkpoint_is_imported_with_its_heads(store: Store, goldens: Path):
    path = str(goldens / "clay_v0_tiny.ckpt")
    with pytest.raises(CheckpointError, match="heads cannot be read from tensors"):
        import_checkpoint(store, path, "golden", run_id="run-1")
    assert store.files() == []
    report = import_checkpoint(store, path, "golden", run_id="run-1", heads=(2, 2))
    assert report.size is None
    assert load_checkpoint(store, "golden").config.encoder.heads == 2


def test_what_is_known_about_a_checkpoint_is_told(store: Store, goldens: Path):
    path = str(goldens / "vectorgeo_test.safetensors")
    report = import_checkpoint(store, path, "triplet", run_id="run-1")
    assert (report.family, report.model, report.dimensions) == ("triplet", "vectorgeo-triplet", 16)
    assert report.licence == "none published; the weights must not be passed on"
    assert "unless it is imported with the option normalize" in report.notes
    model = find_checkpoint(store, "triplet").card["card"]["model"]
    assert (model["bands"], model["chip_size_px"]) == (["land_cover"], 32)


def test_an_option_makes_another_checkpoint(store: Store, goldens: Path):
    path = str(goldens / "vectorgeo_test.safetensors")
    raw = import_checkpoint(store, path, "triplet", run_id="run-1")
    unit = import_checkpoint(store, path, "triplet", run_id="run-2", options=("normalize",))
    assert unit.data_version != raw.data_version
    assert load_checkpoint(store, "triplet").config.normalize


@pytest.mark.parametrize(("file", "kept"), [("clay_v0_tiny.ckpt", 0), ("clay_v1_tiny.ckpt", 4)])
def test_a_stored_checkpoint_is_exported_whole(
    store: Store, goldens: Path, tmp_path: Path, file: str, kept: int
):
    report = import_checkpoint(store, str(goldens / file), "clay", run_id="run-1", heads=(2, 2))
    assert load_checkpoint(store, "clay").rest == {}
    export_checkpoint(store, "clay", tmp_path / "out.ckpt")
    written = torch.load(tmp_path / "out.ckpt", weights_only=True)
    golden = torch.load(goldens / file, weights_only=True)
    assert set(written["state_dict"]) == set(golden["state_dict"])
    for name, tensor in golden["state_dict"].items():
        assert torch.equal(written["state_dict"][name], tensor)
    assert written["hyper_parameters"] == golden["hyper_parameters"]
    again = import_checkpoint(
        store, str(tmp_path / "out.ckpt"), "again", run_id="run-2", heads=(2, 2)
    )
    assert again.data_version == report.data_version
    files = [Path(file.key).name for file in store.files()]
    assert sum(name.startswith("rest-") for name in files) == bool(kept)


def test_files_of_the_same_network_keep_their_own_rest(store: Store, goldens: Path, tmp_path: Path):
    content = torch.load(goldens / "clay_v1_tiny.ckpt", weights_only=True)
    for name in ("a", "b"):
        content["state_dict"]["model.proj.bias"] += 1
        torch.save(content, tmp_path / f"{name}.ckpt")
        path = str(tmp_path / f"{name}.ckpt")
        import_checkpoint(store, path, name, run_id="run-1", heads=(2, 2))
    assert find_checkpoint(store, "a").id == find_checkpoint(store, "b").id
    proj = []
    for name in ("a", "b"):
        export_checkpoint(store, name, tmp_path / "out.ckpt")
        written = torch.load(tmp_path / "out.ckpt", weights_only=True)
        proj.append(written["state_dict"]["model.proj.bias"])
    assert torch.equal(proj[0] + 1, proj[1])


def test_files_of_the_same_network_keep_their_own_hyper_parameters(
    store: Store, goldens: Path, tmp_path: Path
):
    content = torch.load(goldens / "clay_v0_tiny.ckpt", weights_only=True)
    for name, lr in (("a", 0.5), ("b", 0.25)):
        content["hyper_parameters"]["lr"] = lr
        torch.save(content, tmp_path / f"{name}.ckpt")
        path = str(tmp_path / f"{name}.ckpt")
        import_checkpoint(store, path, name, run_id="run-1", heads=(2, 2))
    for name, lr in (("a", 0.5), ("b", 0.25)):
        export_checkpoint(store, name, tmp_path / "out.ckpt")
        written = torch.load(tmp_path / "out.ckpt", weights_only=True)
        assert written["hyper_parameters"]["lr"] == lr


def test_heads_are_two_numbers():
    assert as_heads(None) is None
    assert as_heads([12, 8]) == (12, 8)
    with pytest.raises(InvalidValueError, match=r"of encoder and decoder, got \[12\]"):
        as_heads([12])


def test_a_name_moves_to_a_new_checkpoint_and_the_old_one_stays(store: Store):
    for seed in (0, 1):
        put_checkpoint(store, little(seed), "mine", inputs=f"inputs-{seed}", run_id="run-1")
    assert find_checkpoint(store, "mine").id == little(1).id
    assert load_checkpoint(store, little(0).id).id == little(0).id
    assert up_to_date(store, "mine", "inputs-0") is None
    assert up_to_date(store, "mine", "inputs-1").id == little(1).id


def test_two_names_of_one_checkpoint_share_its_files(store: Store):
    for name in ("b", "a"):
        put_checkpoint(store, little(), name, inputs="inputs", run_id=f"run-{name}")
    named = list_checkpoints(store)
    assert [(found.name, found.run_id) for found in named] == [("a", "run-a"), ("b", "run-b")]
    assert [found.card["card"]["run_id"] for found in named] == ["run-a", "run-b"]
    assert len({found.key for found in named}) == 1
    assert sum(file.key.endswith(".safetensors") for file in store.files()) == 1


def test_an_unknown_checkpoint_is_told_with_those_there_are(store: Store):
    put_checkpoint(store, little(), "mine", inputs="inputs", run_id="run-1")
    for name in ("other", "names", "no/path"):
        with pytest.raises(NotFoundError, match=f"no checkpoint '{name}' in .*; named are: mine"):
            find_checkpoint(store, name)
    assert has_checkpoint(store, "mine")
    assert not has_checkpoint(store, "other")


@pytest.mark.parametrize("name", ["", "a/b", "..", "names", "a b"])
def test_a_name_that_is_no_file_name_is_refused(store: Store, name: str):
    with pytest.raises(InvalidValueError, match=f"dashes and underscores, got '{name}'"):
        put_checkpoint(store, little(), name, inputs="inputs", run_id="run-1")


def test_a_file_that_is_not_there_is_named(store: Store, tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"nothing.ckpt does not exist"):
        import_checkpoint(store, str(tmp_path / "nothing.ckpt"), "default", run_id="run-1")
