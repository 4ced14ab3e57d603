"""Every benchmark runs on a tiny size, on random data, and writes what it promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = sorted((ROOT / "examples" / "benchmarks").glob("bench_*.py"))


def images(rng, split, n_pixels):
    labels = np.arange(700) % 10
    pixels = rng.integers(0, 128, (700, n_pixels)) + 12 * labels[:, None]
    return {f"X_{split}": pixels.astype(np.uint8), f"y_{split}": labels.astype(np.uint8)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of the files that `_data.py` reads, of random numbers."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("mnist", "fashion_mnist"):
        splits = images(rng, "train", 784) | images(rng, "test", 784)
        np.savez(folder / f"{name}.npz", **splits)
    np.savez(folder / "cifar10_test.npz", **images(rng, "test", 3072))
    X = rng.standard_normal((200, 4)).astype(np.float32)
    tables = {"classification": (X[:, 0] > 0).astype(int), "regression": X[:, 0] + X[:, 1] ** 2}
    for kind, y in tables.items():
        np.savez(folder / f"uci_{kind}.npz", **{"toy/X": X, "toy/y": y})
    return folder


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda path: path.stem)
def test_the_benchmark_runs_and_writes_results_and_figure(benchmark, data, tmp_path):
    text = benchmark.read_text()
    options = ["--quick", "--json", tmp_path / "results.json"]
    if "_data import" in text:
        options += ["--data", data]
    draws = "def draw" in text or "draw_ratios" in text
    if draws:
        options += ["--out", tmp_path]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, benchmark, *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "results.json").read_text())
    assert len(list(tmp_path.glob("*.png"))) == draws
