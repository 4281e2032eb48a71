"""The notebooks run from top to bottom on the bundled sample, show pictures, and are kept clean."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT, Service

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_clean(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), "outputs are not committed"
        assert cell.get("execution_count") is None
    assert "/home/" not in path.read_text("utf-8")


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_on_the_sample(
    path: Path, lite_service: Service, lite_sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_URL", lite_service.url)
    monkeypatch.setenv("SEARCH_MODEL", "lite")
    monkeypatch.setenv("SEARCH_INDEX_DIR", str(lite_sample / "qdrant_storage"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 4, "the plots are missing"
    assert "error" not in {output.output_type for output in outputs}
    assert json.dumps(notebook).count("no map:") == json.dumps(nbformat.read(path, as_version=4)).count("no map:")
