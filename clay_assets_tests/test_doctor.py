"""The doctor finds what is wrong with a real machine and says what to do."""

from pathlib import Path

import pytest

from clay_assets.doctor import examine
from clay_assets.settings import Settings


def _findings(tmp_path: Path, **environ: str) -> dict:
    settings = Settings.from_environment({"CLAY_HOME": str(tmp_path / "home")} | environ)
    return {finding.name: finding for finding in examine(settings)}


def test_a_well_kept_machine_has_nothing_wrong(tmp_path: Path):
    findings = _findings(tmp_path)
    wrong = {name: finding for name, finding in findings.items() if finding.grade == "wrong"}
    assert not wrong
    assert "pgvector 0.8" in findings["PostgreSQL"].found


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path):
    url = "postgresql://me:secret@127.0.0.1:1/clay"
    finding = _findings(tmp_path, CLAY_POSTGRES_URL=url)["PostgreSQL"]
    assert finding.grade == "wrong"
    assert "127.0.0.1:1" in finding.found
    assert "secret" not in finding.found + finding.remedy
    assert finding.remedy


def test_a_data_root_that_cannot_be_written_is_wrong(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    finding = _findings(tmp_path, CLAY_DATA_ROOT=str(tmp_path / "file"))["data root"]
    assert finding.grade == "wrong"
    assert "CLAY_DATA_ROOT" in finding.remedy


def test_a_cuda_device_that_is_not_there_is_wrong(tmp_path: Path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    finding = _findings(tmp_path, CLAY_DEVICE="cuda")["GPU"]
    assert finding.grade == "wrong"
    assert "unset CLAY_DEVICE" in finding.remedy


def test_a_products_file_that_is_not_valid_is_wrong(tmp_path: Path):
    products = tmp_path / "products.toml"
    products.write_text("[products.clay]\nlevel = 'token'\n")
    finding = _findings(tmp_path, CLAY_PRODUCTS=str(products))["products"]
    assert finding.grade == "wrong"
    assert "token" in finding.found
