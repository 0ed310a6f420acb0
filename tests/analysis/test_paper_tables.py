"""The count of every model of both papers, to the last digit that is known of it.

The paper prints two digits (`benchmarks/paper_rows.py`); those here, of the same count made on the
authors' code, have four for the parameters in millions and three for the MACs in G. 174 classes,
8 frames, 224 pixels (InceptionV3: 229). Those of TSM's smaller ResNets are counted on the PyTorch
twins by hooks, in the same way.
"""

import csv
import subprocess
import sys

import pytest

from benchmarks.paper_rows import ROWS, count, difference
from tests import exhaustive

BNI, V3, R50, R101 = "bninception", "inceptionv3", "resnet50", "resnet101"

# preset, arguments, parameters (M), MACs (G), convolutions and linear layers only (G)
MODELS = (
    (f"tsn_{BNI}", {}, 10.4486, 16.431, 16.254),
    (f"gsf_{BNI}", {}, 10.5000, 16.529, 16.339),
    (f"gsf_{BNI}", {"channel_ratio": 0.125}, 10.4554, 16.444, None),
    (f"gsf_{BNI}", {"channel_ratio": 0.25}, 10.4618, 16.456, None),
    (f"gsf_{BNI}", {"channel_ratio": 0.5}, 10.4745, 16.480, None),
    (f"gsf_{BNI}", {"channel_ratio": 0.75}, 10.4873, 16.505, None),
    (f"gsf_{BNI}", {"last_blocks": 1}, 10.4588, 16.436, None),
    (f"gsf_{BNI}", {"last_blocks": 5}, 10.4803, 16.459, None),
    (f"tsn_{R50}", {}, 23.8646, 33.056, 32.700),
    (f"tsm_{R50}", {}, 23.8646, 33.056, 32.700),
    (f"gsf_{R50}", {}, 23.9747, 33.399, 32.999),
    (f"gsf_{R50}", {"channel_ratio": 0.125}, 23.9200, 33.228, None),
    (f"gsf_{R50}", {"channel_ratio": 0.5}, 24.0842, 33.742, None),
    (f"gsf_{R50}", {"channel_ratio": 0.75}, 24.1937, 34.085, None),
    (f"gsf_{R50}", {"channel_ratio": 1}, 24.3032, 34.428, None),
    (f"gsf_{R50}", {"last_blocks": 4}, 23.9167, 33.088, None),
    (f"gsf_{R50}", {"last_blocks": 8}, 23.9465, 33.138, None),
    (f"gsf_{R50}", {"channel_ratio": 1, "placement": "conv1"}, 23.9747, 33.530, None),
    (f"gsf_{R50}", {"channel_ratio": 1, "placement": "conv2"}, 23.9747, 33.399, None),
    (f"gsf_{R50}", {"channel_ratio": 1, "placement": "all"}, 24.5235, 35.244, None),
    (f"gsf_{V3}", {}, 22.2229, 26.962, 26.704),
    (f"gsf_{R101}", {}, 43.0937, 63.473, 62.881),
    (f"gsm_{V3}", {}, 22.2076, 26.949, None),
    ("tsm_resnet34", {}, 21.3739, 29.427, 29.307),
    ("tsm_resnet18", {}, 11.2658, 14.589, 14.509),
    ("rubiksnet_tiny", {}, 1.8988, 3.865, 3.695),
    ("rubiksnet_small", {}, 3.5974, 6.752, 6.506),
    ("rubiksnet_medium", {}, 6.1856, 11.214, 10.926),
    ("rubiksnet_large", {}, 8.5383, 15.712, 15.347),
    ("rubiksnet_tiny_aq", {}, 1.9041, 3.865, 3.695),
    ("rubiksnet_large_aq", {}, 8.5639, 15.712, 15.347),
)


def every_time(model):
    """Every kind of network, and an argument; tests/models/test_presets.py has others too."""
    preset, arguments, *_ = model
    if preset == f"gsf_{BNI}":
        return not arguments
    if preset == f"gsf_{R50}":
        return arguments == {"last_blocks": 4}
    return preset in ("tsm_resnet18", "rubiksnet_small", "rubiksnet_tiny_aq")


@pytest.mark.parametrize(
    ("preset", "arguments", "millions", "billions", "conv_linear"),
    exhaustive.cases(MODELS, every_time),
)
def test_models_of_the_paper(preset, arguments, millions, billions, conv_linear):
    counts = count(preset, **arguments)
    assert round(counts.parameters / 1e6, 4) == millions
    assert round(counts.macs / 1e9, 3) == billions
    if conv_linear is not None:
        assert round(counts.conv_linear_macs / 1e9, 3) == conv_linear


@pytest.mark.parametrize(
    ("preset", "channels", "millions", "billions"),
    exhaustive.cases(
        [
            (f"gsm_{BNI}", 1024, 10.4997, 16.528),
            (f"gst_{R50}", 2048, 21.0352, 29.356),
            (f"gst_large_{R50}", 2048, 29.5232, 40.454),
        ],
        lambda case: case[0] == f"gsm_{BNI}",
    ),
)
def test_models_whose_figure_is_with_a_7_x_7_pooling_at_the_end(
    preset, channels, millions, billions
):
    """These figures come out when the last pooling is a 7 x 7 window, k + 1 = 8 per output.

    Ours is global, H * W + 1 = 50 per output, as in the figures of all other models.
    """
    counts = count(preset)
    assert round(counts.parameters / 1e6, 4) == millions
    with_window = counts.macs - 8 * channels * ((7 * 7 + 1) - (7 + 1))
    assert round(with_window / 1e9, 3) == billions


@exhaustive.MARK
def test_motion_squeeze():
    """The figures of the authors' code, and the print of the GSF paper's Table 8.

    The code has a normalization of 128 channels that nothing reads, and its correlation is an op
    that a counter does not see. The paper's 68.05 G come out when the correlation counts twice, its
    multiplications and its additions.
    """
    own = count("tsm_resnet50_ms")
    assert round((own.parameters + 2 * 128) / 1e6, 4) == 23.9357
    correlation = 7 * 28 * 28 * 15 * 15 * 64
    assert round((own.macs - 2 * correlation) / 1e9, 3) == 33.511
    with_gsf = count("gsf_resnet50_ms", num_segments=16)
    assert round(with_gsf.parameters / 1e6, 2) == 24.05
    assert round(with_gsf.macs / 1e9, 2) == 68.05
    for row in ROWS:
        if row.preset == "gsf_resnet50_ms":
            assert difference(row.macs, with_gsf.macs / 1e9) == "="


@pytest.mark.parametrize(
    ("name", "preset"),
    exhaustive.cases(
        [("TSM ResNet-34", "tsm_resnet34"), ("TSM ResNet-18", "tsm_resnet18")],
        lambda case: case[1] == "tsm_resnet18",
    ),
)
def test_tsm_on_smaller_resnets_has_the_print_of_the_rubiksnet_paper(name, preset):
    (row,) = [row for row in ROWS if (row.table, row.name) == ("R1", name)]
    counts = count(preset)
    assert difference(row.parameters, counts.parameters / 1e6) == "="
    assert difference(row.macs, counts.macs / 1e9) == "="


@pytest.mark.parametrize(
    "preset", exhaustive.cases(["gsf_resnet14thin", "rubiksnet_tiny"], lambda name: "gsf" in name)
)
def test_16_frames_double_the_count_and_leave_the_parameters(preset):
    short, long = count(preset), count(preset, num_segments=16)
    assert long.parameters == short.parameters
    assert long.macs == 2 * short.macs
    assert long.conv_linear_macs == 2 * short.conv_linear_macs


def test_every_row_of_a_study_has_exact_figures_above():
    known = [(preset, arguments) for preset, arguments, *_ in MODELS]
    for row in ROWS:
        is_all_blocks = row.arguments in ({"last_blocks": 10}, {"last_blocks": 16})
        if row.table in ("2", "3", "4", "6", "7", "R1") and not is_all_blocks:
            assert (row.preset, row.arguments) in known, row


def test_differences_are_in_the_digits_of_the_paper():
    assert difference("16.53", 16.5289) == "="
    assert difference("16.45", 16.4437) == "-0.01"
    assert difference("24.3", 23.8646) == "-0.4"
    assert difference("65", 66.11) == "+1"
    assert difference("", 1.0) == ""


@exhaustive.MARK
def test_the_program_prints_a_table_and_writes_it(tmp_path):
    file = tmp_path / "rows.csv"
    command = [sys.executable, "-m", "benchmarks.paper_tables", "--table=6", f"--csv={file}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "BNInception + 5 GSF" in done.stdout
    with open(file, encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["row"] for row in rows] == [row.name for row in ROWS if row.table == "6"]
    assert rows[-1]["parameters"] == "10500030"
