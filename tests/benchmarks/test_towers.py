"""The benchmarks of the towers run, keep figures of every way, and make their tables from what they kept."""

import subprocess
import sys
from pathlib import Path

from benchmarks.speed import gpu, results, towers
from tests.conftest import ROOT, clean_environment


def run(name: str, folder: Path, *options: str) -> results.Result:
    command = [sys.executable, "-m", "benchmarks", name, "--quick", "--results", str(folder), *options]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| " in done.stdout
    return results.read(name, results=folder)


def test_towers(tmp_path: Path) -> None:
    result = run("towers", tmp_path)
    measured = result.figures["measured"]
    ways = {"plain", "onnx, default settings", "onnx fp32", "onnx int8"}
    assert ways <= set(measured["images"]) & set(measured["texts of 5 tokens"])
    cosines = measured["least cosine to the plain way"]
    for way in ("onnx, default settings", "onnx fp32"):
        assert min(cosines[way].values()) > 0.9999
    assert f"| images | onnx fp32 | {1000 / measured['images']['onnx fp32']['p50']:.1f} images/s |" in towers.table(
        result
    )


def test_the_sentences_have_the_tokens_they_are_said_to_have() -> None:
    from search_app.encoders.open_clip_package import open_clip

    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    assert {length: int((tokenizer([text]) > 0).sum()) for length, text in towers.WORDS.items()} == {
        length: length for length in towers.WORDS
    }


def test_gpu_on_the_cpu(tmp_path: Path) -> None:
    result = run("gpu", tmp_path, "--device", "cpu")
    assert set(result.figures["batches"]) == {"2", "4"}
    assert all(rate > 0 for each in result.figures["batches"].values() for rate in each.values())
    assert "Nothing here was measured on a GPU." in gpu.table(result)
