"""The notebook of examples/, run whole on a small installation."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples/search_by_example.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    pytest.importorskip("lonboard", reason="the notebook draws with lonboard")
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_runs_and_finds_its_example(generated_area, notebook, monkeypatch):
    settings = generated_area.settings
    monkeypatch.setenv("CLAY_HOME", str(settings.home))
    monkeypatch.setenv("CLAY_PRODUCTS", str(settings.products_file))
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    told = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in told
    )
    assert "clay_patches" in text
    assert "by duckdb, exact, expected recall 1.0" in text
    assert "chips have patches like" in text
    assert any("jupyter.widget-view" in key for one in told for key in one.get("data", {}))
    assert (settings.home / "exports/hits.parquet").is_file()


def test_the_notebook_is_kept_without_its_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
