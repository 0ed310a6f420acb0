"""The markers of the papers' results in the figure of accuracy against cost."""

import pytest

from tests import exhaustive
from trainers.published_points import _costs, published_points


@exhaustive.MARK
def test_motion_squeeze_is_counted_with_its_own_number_of_frames():
    """GSF paper, Table 8: 68.05 G for 16 frames, which are 15 pairs and not 14."""
    model = {"preset": "gsf_resnet50_ms", "image_size": 224, "num_segments": 16}
    macs, _ = _costs(tuple(model.items()))
    assert round(macs / 1e9, 2) == 68.05


@pytest.mark.exhaustive
def test_results_have_their_frames_figures_and_costs():
    """RubiksNet paper, Table 2: 46.4 % on Something-Something V1, the only row of RubiksNet."""
    (point,) = published_points("Something-Something V1", tables=("rubiksnet",))
    assert point.published and point.name == "rubiksnet_large, 8 frames (RubiksNet paper)"
    assert point.top1 == pytest.approx(0.464)
    # Table 1 has the same network on V2.
    assert (round(point.macs / 1e9, 1), round(point.parameters / 1e6, 1)) == (15.7, 8.5)


def test_other_datasets_have_no_points():
    assert published_points("a folder") == []
