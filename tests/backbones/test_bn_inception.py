import pytest

from gsf_tf.backbones import BNInception
from tests import exhaustive
from tests.backbones.parameter_count import trainable_parameters


@exhaustive.MARK
def test_equals_the_twin(run_twin_test):
    # 100 leaves an odd map before the first two poolings, where nothing is read past the edge.
    run_twin_test(BNInception, "bninception", [(96, 128), (128, 100)])


def test_parameters():
    # GSF paper, Table 2: TSN, 10.4486 M with 174 classes.
    assert trainable_parameters(BNInception(classes=174)) == 10_448_590


@pytest.mark.parametrize(
    "size", exhaustive.cases([96, 128, 160, 192, 224, 256], lambda size: size in (96, 224))
)
def test_sizes_of_the_papers(size):
    model = BNInception(include_top=False, input_shape=(size, size, 3))
    assert model.output_shape == (None, size // 32, size // 32, 1024)


def test_places_of_the_modules_have_their_channels():
    model = BNInception(include_top=False)
    channels = [
        model.get_layer(f"inception_{place}").filters
        for place in "3a_1x1 3b_1x1 3c_3x3_reduce 4a_1x1 4b_1x1 4c_1x1 4d_1x1 4e_3x3_reduce 5a_1x1 "
        "5b_1x1".split()
    ]
    assert channels == [64, 64, 128, 224, 192, 160, 96, 128, 352, 352]
    assert model.get_layer("inception_5a_1x1").use_bias


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (232, 224, 3)}, r"inception_3c .*even.*\(29, 28\).*multiple of 32"),
        ({"input_shape": (224, 208, 3)}, r"inception_4e .*even.*\(14, 13\)"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BNInception(**arguments)
