"""The table of docs/model_zoo.md is what `benchmarks.model_zoo` writes."""

import pathlib

import pytest

from benchmarks.model_zoo import HEADER, find_rows, imagenet_weights, published, zoo_row
from gsf_tf.models import list_presets
from tests import exhaustive

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "model_zoo.md"
# One of each paper, with a configuration of the demo or of a paper.
EVERY_TIME = ("gsf_resnet14thin", "gst_resnet14thin", "rubiksnet_mini_aq", "rubiksnet_tiny")


def rows_of_the_page():
    section = PAGE.read_text().split("<!-- begin model_zoo -->")[1].split("<!-- end")[0]
    lines = [line for line in section.splitlines() if line]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_page_has_every_preset_once():
    header, _, *rows = rows_of_the_page()
    assert header == HEADER
    assert [row[0] for row in rows] == [f"`{preset}`" for preset in list_presets()]


@pytest.mark.parametrize("preset", exhaustive.cases(list_presets(), EVERY_TIME.__contains__))
def test_a_row_is_what_the_program_writes(preset):
    assert zoo_row(preset) in rows_of_the_page()


def test_a_result_names_its_table_and_what_is_unusual():
    assert published(find_rows("gsf_resnet50", "ssv1")) == "50.17 (GSF 8)"
    assert published(find_rows("rubiksnet_large_aq", "ssv2")) == "61.6 (RubiksNet 5, 2 x 3)"
    assert published(find_rows("tsn_bninception", "ssv2")) == "32.71 (GSF 8, 16 frames)"
    assert published(find_rows("gsf_resnet101", "ssv1")) == "-"
    assert find_rows("rubiksnet_large", "ssv1").keys() == {"rubiksnet:large_ssv1_8f"}


def test_weights_are_those_that_the_preset_can_take():
    assert imagenet_weights("tsn_mobilenetv2") == imagenet_weights("gsf_densenet121") == "Keras"
    assert imagenet_weights("gsf_efficientnetlite0") == "`gsf_tf[pretrained]`"
    assert imagenet_weights("gsf_resnet50") == "torchvision's `.pth`"
    assert imagenet_weights("tsn_inceptionv3") == "tsn-pytorch's `.pth`"
    assert imagenet_weights("rubiksnet_large_aq") == "train `rubiksnet:large_imagenet`"
    assert imagenet_weights("rubiksnet_mini") == imagenet_weights("gsf_resnet14thin") == "-"
