"""What `benchmarks.fused_shift` times: the shifts of the networks, in two equal forms."""

import pytest

from benchmarks.shift_maps import WIDTHS, candidates, maps
from gsf_tf.layers import RubiksShift3D
from gsf_tf.models import from_preset


def test_the_maps_are_those_of_the_network():
    model = from_preset("rubiksnet_tiny", 3, num_segments=2, input_shape=(64, 64, 3))
    shifts = [layer for layer in model._flatten_layers() if isinstance(layer, RubiksShift3D)]
    found = {(*layer.input.shape[2:], layer.strides) for layer in shifts}
    assert found == set(maps(WIDTHS["rubiksnet_tiny"], 64)) and len(shifts) == 17


@pytest.mark.parametrize("adds", [False, True])
def test_both_forms_compute_the_same(adds):
    forms = candidates(6, 5, 2, 2, 3, adds)
    one, two = (float(forms[name]()) for name in ("one op", "two ops"))
    assert one == pytest.approx(two, rel=1e-5, abs=1e-5)
