"""Every benchmark runs on a tiny size, on random data, and writes what it promises."""

import json
import os
import runpy
import subprocess
import sys
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

ROOT = Path(__file__).parent.parent
BENCHMARKS = sorted((ROOT / "examples" / "benchmarks").glob("bench_*.py"))


def images(rng, split, n_pixels):
    labels = np.arange(700) % 10
    pixels = rng.integers(0, 128, (700, n_pixels)) + 12 * labels[:, None]
    return {f"X_{split}": pixels.astype(np.uint8), f"y_{split}": labels.astype(np.uint8)}


def files(pixels):
    """Images of 3072 bytes a row, as JPEG files one after another."""
    encoded = [BytesIO() for _ in pixels]
    for file, image in zip(encoded, pixels, strict=True):
        Image.fromarray(image.reshape(32, 32, 3)).save(file, "JPEG", quality=95, subsampling=0)
    parts = [np.frombuffer(file.getvalue(), np.uint8) for file in encoded]
    offsets = np.cumsum([0, *map(len, parts)])
    return {"jpeg": np.concatenate(parts), "offsets": offsets}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of the files that `_data.py` reads, of random numbers."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("mnist", "fashion_mnist"):
        splits = images(rng, "train", 784) | images(rng, "test", 784)
        np.savez(folder / f"{name}.npz", **splits)
    for name in ("cifar10", "cifar100"):
        found = images(rng, "train", 3072)
        np.savez(folder / f"{name}_train.npz", **files(found.pop("X_train")), **found)
    X = rng.standard_normal((200, 4)).astype(np.float32)
    tables = {"classification": (X[:, 0] > 0).astype(int), "regression": X[:, 0] + X[:, 1] ** 2}
    for kind, y in tables.items():
        np.savez(folder / f"uci_{kind}.npz", **{"toy/X": X, "toy/y": y})
    return folder


def program(benchmark, *options, cwd):
    """Run a benchmark to its end."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    result = subprocess.run(
        [sys.executable, benchmark, *options],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result


def test_what_is_timed_at_each_commit_runs(monkeypatch):
    folder = BENCHMARKS[0].parent / "history"
    settings = json.loads((folder / "asv.conf.json").read_text())
    path = folder / settings["benchmark_dir"] / "training.py"
    names = runpy.run_path(path)
    monkeypatch.setitem(names["table"].__globals__, "N_ROWS", 300)
    for kind in (names["Network"], names["Published"]):
        for case in product(*getattr(kind, "params", ())):
            timed = kind()
            timed.setup(*case)
            steps = [name for name in vars(kind) if name.startswith(("time_", "peakmem_"))]
            assert steps
            for name in steps:
                getattr(timed, name)(*case)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda path: path.stem)
def test_the_benchmark_runs_and_writes_results_and_figure(benchmark, data, tmp_path):
    text = benchmark.read_text()
    options = ["--quick", "--json", tmp_path / "results.json"]
    if "_data import" in text:
        options += ["--data", data]
    draws = "def draw" in text or "draw_ratios" in text
    if draws:
        options += ["--out", tmp_path]
    program(benchmark, *options, cwd=tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())
    assert len(list(tmp_path.glob("*.png"))) == draws


def test_the_papers_figure_says_what_it_leaves_out(tmp_path):
    benchmark = ROOT / "examples" / "benchmarks" / "bench_paper.py"
    options = ["--quick", "--part", "figure", "--only", "cifar100", "--data", tmp_path]
    result = program(benchmark, *options, "--out", tmp_path, cwd=tmp_path)
    assert "cifar100: left out" in result.stdout


def test_images_are_decoded_in_their_order(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    from _data import load_training_images

    shades = np.arange(0, 256, 5, dtype=np.uint8)
    gray = np.repeat(shades[:, None], 3072, axis=1)
    np.savez(tmp_path / "cifar10_train.npz", **files(gray), y_train=shades % 10)
    X, y = load_training_images("cifar10", tmp_path)
    assert_allclose(X, gray / 255, atol=1 / 255)
    assert_array_equal(y, shades % 10)
