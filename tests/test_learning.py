"""The moving picture of a network that learns: its frames, and its file in a browser."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import colormaps, pyplot
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_moons
from small import classifier, recorded, regressor, table

from sklearn_localnet import LearningDisplay, Recorder
from sklearn_localnet.rules import RULES, Microcircuit

pytestmark = pytest.mark.usefixtures("plt")

BROWSERS = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
BROWSER = next(filter(None, BROWSERS), None)
WATCH = """<head><script>
  const faults = [], shown = new Set();
  addEventListener("error", e => faults.push(e.message || e.target.outerHTML), true);
  addEventListener("load", () => setTimeout(() => {
    document.querySelector("button[onclick*='.play_animation']").click();
    const picture = document.querySelector(".animation img");
    setInterval(() => shown.add(picture.src), 20);
    setTimeout(() => {
      const asked = performance.getEntriesByType("resource").map(entry => entry.name);
      const seen = {frames: shown.size, width: picture.naturalWidth, asked, faults};
      document.documentElement.textContent = "seen" + JSON.stringify(seen) + "nees";
    }, 3000);
  }, 100));
</script>"""


def seen_in_a_browser(page, folder):
    """What a browser makes of a page whose player is started: frames, faults, requests."""
    path = folder / "watched.html"
    path.write_text(page.replace("<head>", WATCH, 1), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    command += ["--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120)
    return json.loads(re.search("seen(.*)nees", run.stdout)[1])


@pytest.fixture(scope="module")
def moons():
    return make_moons(120, noise=0.1, random_state=0)


@pytest.fixture(scope="module")
def recorder(moons):
    network = classifier(hidden_layer_sizes=(4, 3), rule=Microcircuit(n_interneurons=2))
    return recorded(network, *moons, n_calls=4)


@pytest.fixture(scope="module")
def page(recorder, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "learning.html"
    LearningDisplay.from_recorder(recorder, name="<two> moons").save(path, fps=10)
    pyplot.close("all")
    return path.read_text(encoding="utf-8")


# The file


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on the PATH")
def test_the_file_plays_in_a_browser_and_asks_for_nothing(page, tmp_path):
    seen = seen_in_a_browser(page, tmp_path)
    assert seen["frames"] == 4
    assert seen["width"] > 500
    assert seen["asked"] == seen["faults"] == []


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on the PATH")
def test_a_request_a_fault_and_a_player_that_stands_still_would_be_noticed(page, tmp_path):
    server = "http://localhost:9/style.css"
    broken = page.replace("<body>", f"<body><link rel='stylesheet' href='{server}'>")
    broken = broken.replace("t.anim_step_forward()", "missing()")
    seen = seen_in_a_browser(broken, tmp_path)
    assert seen["asked"] == [server]
    assert "missing is not defined" in seen["faults"][-1]
    assert seen["frames"] == 1


def test_the_file_holds_a_picture_for_each_record_and_no_address(page):
    assert page.startswith("<!DOCTYPE html>")
    assert len(re.findall(r'= "data:image/png;base64', page)) == 4
    assert "http" not in re.sub("base64,.*?;", "", page, flags=re.DOTALL)
    assert "<title>&lt;two&gt; moons</title>" in page
    assert "fa-" not in page


def test_a_notebook_shows_the_player(recorder, plt):
    display = LearningDisplay.from_recorder(recorder)
    player = display._repr_html_()
    assert player.count("data:image/png") == 4
    assert "<html" not in player
    assert plt.get_fignums() == [display.figure_.number]


@pytest.mark.parametrize("fps", [0, -1, np.inf])
def test_a_speed_that_is_not_positive_is_refused(recorder, tmp_path, fps):
    display = LearningDisplay.from_recorder(recorder)
    with pytest.raises(ValueError, match="fps == "):
        display.save(tmp_path / "learning.html", fps=fps)
    assert not list(tmp_path.iterdir())


# The frames


def discs(ax, kind):
    """The synapses of a kind in a drawn circuit."""
    from matplotlib.collections import EllipseCollection

    found = [part for part in ax.collections if isinstance(part, EllipseCollection)]
    return found[("basal", "apical", "interneuron", "pyramidal_to_interneuron").index(kind)]


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", ["basal", "apical", "interneuron"])
def test_all_frames_share_the_scale_of_each_kind_of_synapse(recorder, layer, kind):
    largest = max(np.abs(r.weights[layer][f"{kind}_weights"]).max() for r in recorder.records_)
    full = []
    for place, record in enumerate(recorder.records_):
        display = LearningDisplay.from_recorder(recorder, layer=layer).plot(record=place)
        weights = record.weights[layer][f"{kind}_weights"].ravel()
        areas = discs(display.axes_[0], kind).get_widths() ** 2
        full.append(areas @ areas / (areas @ np.abs(weights)) * largest)
        assert_allclose(areas * largest, full[-1] * np.abs(weights), atol=1e-9)
    assert_allclose(full, full[0])


def test_a_frame_says_how_much_was_learnt(recorder):
    display = LearningDisplay.from_recorder(recorder, name="moons", record=1)
    loss = recorder.records_[1].network.loss_
    assert display.axes_[0].get_title() == f"moons, 240 rows learnt, loss {loss:.3g}"


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("layer", [0, 1])
def test_layers_of_every_rule_are_drawn(moons, rule, layer):
    network = classifier(hidden_layer_sizes=(25, 22), rule=rule)
    recorder = recorded(network, *moons, n_calls=2)
    display = LearningDisplay.from_recorder(recorder, layer=layer)
    display.figure_.canvas.draw()
    maps = {child.get_ylabel(): child for child in display.axes_[0].child_axes}
    arrays = {
        name.removesuffix("_weights").replace("_", " "): array
        for name, array in network.layers_[layer].items()
        if array.ndim == 2 and name != "pyramidal_to_interneuron_weights"
    }
    assert maps.keys() == {*arrays, "RMS current"}
    for name, array in arrays.items():
        image = np.asarray(maps[name].images[0].get_array())
        assert_array_equal(image, array.T)
    shown = [line.get_label() for line in maps["RMS current"].lines]
    taught = "plateau" if rule == "microcircuit" else "teaching"
    assert shown == ["basal", "output", taught]
    last = recorder.records_[-1].currents[layer][taught]
    assert_array_equal(maps["RMS current"].lines[2].get_ydata(), last)


# The plane


def corner(display):
    """Colour of the plane at its lower left, and the point that it belongs to."""
    ax = display.axes_[1]
    (left, _), (bottom, _) = ax.get_xlim(), ax.get_ylim()
    return np.asarray(ax.images[0].get_array())[0, 0], np.array([[left, bottom]])


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_the_plane_mixes_the_colours_of_the_classes_by_their_probability(moons, labels):
    X, y = moons
    y = np.array(labels)[y + (len(labels) > 2) * (X[:, 0] > 1)]
    recorder = recorded(classifier(), X, y, n_calls=4)
    colors = colormaps["viridis"](np.linspace(0, 1, len(labels)))
    for place, record in enumerate(recorder.records_):
        display = LearningDisplay.from_recorder(recorder, record=place)
        found, point = corner(display)
        assert_allclose(found, record.network.predict_proba(point)[0] @ colors, atol=1e-6)
    points = display.axes_[1].collections[0]
    assert_allclose(points.get_offsets(), X)
    assert_allclose(points.get_facecolors(), colors[np.searchsorted(labels, y)])


def test_the_plane_of_a_regressor_shows_values_in_the_colours_of_the_targets(moons):
    X, y = moons[0], moons[0].sum(axis=1)
    recorder = recorded(regressor(), X, y, n_calls=4)
    display = LearningDisplay.from_recorder(recorder)
    found, point = corner(display)
    share = (recorder.records_[-1].network.predict(point) - y.min()) / np.ptp(y)
    assert_allclose(found, colormaps["viridis"](share)[0], atol=0.01)
    colors = display.axes_[1].collections[0].get_facecolors()
    assert_allclose(colors, colormaps["viridis"]((y - y.min()) / np.ptp(y)))


def test_a_network_that_meets_a_class_later_has_its_colour_from_there_on(moons):
    X, y = moons[0], moons[1] + (moons[0][:, 0] > 1)
    network = classifier(hidden_layer_sizes=4, rule=Microcircuit(), new_classes="add")
    recorder = recorded(network, X[y != 1], y[y != 1], n_calls=2)
    recorder(network.partial_fit(X, y), X, y)
    first = LearningDisplay.from_recorder(recorder, record=0, target_names=["a", "b", "c"])
    found, point = corner(first)
    probabilities = recorder.records_[0].network.predict_proba(point)[0]
    assert_allclose(found, probabilities @ colormaps["viridis"]([0.0, 1.0]), atol=1e-6)
    targets = [text.get_text() for text in first.axes_[0].get_yticklabels()]
    assert targets[0] == "0"
    targets = [text.get_text() for text in first.plot().axes_[0].get_yticklabels()]
    assert targets[:3] == ["a", "b", "c"]
    assert first._repr_html_().count("data:image/png") == 3


def test_there_is_no_plane_for_more_inputs_or_more_targets(moons):
    several = [
        (classifier(), *table("multiclass")),
        (classifier(), moons[0], np.c_[moons[1], 1 - moons[1]]),
        (regressor(), moons[0], np.c_[moons[1], moons[0]]),
    ]
    for network, X, y in several:
        labels = {"classes": range(y.shape[1])} if y.ndim > 1 else {"classes": np.unique(y)}
        recorder = Recorder()
        known = {} if "Regressor" in type(network).__name__ else labels
        recorder(network.partial_fit(X, y, **known), X, y)
        assert len(LearningDisplay.from_recorder(recorder).axes_) == 1


def test_names_are_on_the_wires_and_on_the_plane(moons):
    import pandas as pd

    X = pd.DataFrame(moons[0], columns=["length", "width"])
    network = classifier(hidden_layer_sizes=3, rule=Microcircuit(n_interneurons=2))
    recorder = recorded(network, X, moons[1], n_calls=2)
    display = LearningDisplay.from_recorder(recorder, target_names=["class"])
    wires = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    assert wires == ["class", "$n_{0}$", "$n_{1}$", "length", "width"]
    assert (display.axes_[1].get_xlabel(), display.axes_[1].get_ylabel()) == ("length", "width")
    with pytest.raises(ValueError, match="target_names holds 2 names, needs 1"):
        LearningDisplay.from_recorder(recorder, target_names=["no", "yes"])


def test_a_row_that_never_changes_is_drawn():
    X, y = np.ones((10, 2)), np.arange(10) % 2
    recorder = recorded(classifier(), X, y, n_calls=1)
    LearningDisplay.from_recorder(recorder).figure_.canvas.draw()


# What it shares with other displays


def test_axes_that_are_given_are_drawn_on(recorder, plt):
    figure, axes = plt.subplots(1, 2)
    display = LearningDisplay.from_recorder(recorder, ax=axes)
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1
    with pytest.raises(ValueError, match="ax must hold 2 matplotlib Axes"):
        LearningDisplay.from_recorder(recorder, ax=axes[0])


def test_what_cannot_be_shown_is_refused(recorder):
    with pytest.raises(ValueError, match="layer == 2, must be from -2 to 1"):
        LearningDisplay.from_recorder(recorder, layer=2)
    with pytest.raises(ValueError, match="this Recorder has no records"):
        LearningDisplay.from_recorder(Recorder())
    with pytest.raises(TypeError, match="takes a Recorder, got list"):
        LearningDisplay.from_recorder([])


def test_without_matplotlib_the_error_names_the_extra(recorder, monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"LearningDisplay.* needs .*sklearn_localnet\[plot\]"):
        LearningDisplay.from_recorder(recorder)
