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


@pytest.fixture
def known_costs(request, monkeypatch):
    """What the network costs, from Table 1 of the RubiksNet paper, in the place of a count."""
    if not request.param:
        return

    def costs(arguments):
        model = dict(arguments)
        assert (model["preset"], model["num_segments"]) == ("rubiksnet_large", 8)
        return 15.7e9, 8.5e6

    monkeypatch.setattr("trainers.published_points._costs", costs)


@pytest.mark.parametrize("known_costs", exhaustive.cases([True, False], bool), indirect=True)
def test_results_have_their_frames_figures_and_costs(known_costs):
    """RubiksNet paper, Table 2: 46.4 % on Something-Something V1, the only row of RubiksNet."""
    (point,) = published_points("Something-Something V1", tables=("rubiksnet",))
    assert point.published and point.name == "rubiksnet_large, 8 frames (RubiksNet paper)"
    assert point.top1 == pytest.approx(0.464)
    # Table 1 has the same network on V2.
    assert (round(point.macs / 1e9, 1), round(point.parameters / 1e6, 1)) == (15.7, 8.5)


def test_other_datasets_have_no_points():
    assert published_points("a folder") == []
