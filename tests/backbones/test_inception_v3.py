import pytest

from gsf_tf.backbones import InceptionV3
from tests import exhaustive
from tests.backbones.parameter_count import trainable_parameters


# 101 leaves even maps before the first two poolings, as 229 does; 107 odd ones, as 299 does.
@pytest.mark.parametrize(
    "sizes",
    exhaustive.cases([[(101, 107)], [(139, 133)], [(229, 229)]], [(101, 107)].__eq__),
)
def test_equals_the_twin(run_twin_test, sizes):
    run_twin_test(InceptionV3, "inceptionv3", sizes)


def test_parameters():
    # GSF paper, Table 8: 22.2229 M with GSF and 174 classes, less 29 C + 40 for each module on C
    # channels.
    modules = [64, 64, 64, 384, 192, 192, 192, 192, 192, 320, 320]
    expected = 22_222_854 - sum(29 * channels + 40 for channels in modules)
    assert trainable_parameters(InceptionV3(classes=174)) == expected


@pytest.mark.parametrize(
    ("size", "map_size"),
    exhaustive.cases([(229, 6), (261, 7), (299, 8)], lambda case: case[0] == 229),
)
def test_sizes_of_the_papers(size, map_size):
    model = InceptionV3(include_top=False, input_shape=(size, size, 3))
    assert model.output_shape == (None, map_size, map_size, 2048)


def test_places_of_the_modules_have_their_channels():
    model = InceptionV3(include_top=False)
    names = ["mixed", *(f"mixed_{i}" for i in (1, 2, 3, 4, 5, 6, 7, 9, 10))]
    channels = [model.get_layer(f"{name}_conv_Conv2D").filters for name in names]
    assert channels == [64, 64, 64, 384, 192, 192, 192, 192, 320, 320]
    assert model.get_layer("mixed_8_tower_conv_Conv2D").filters == 192
    assert model.get_layer("mixed_3_tower_conv_Conv2D").filters == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (224, 229, 3)}, r"mixed_3 .*odd.*\(26, 27\).*229"),
        ({"input_shape": (229, 85, 3)}, r"mixed_8 .*odd.*\(13, 4\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        InceptionV3(**arguments)
