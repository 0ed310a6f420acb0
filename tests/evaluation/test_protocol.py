import pytest

from gsf_tf.evaluation import Protocol
from gsf_tf.evaluation.published_result import published_result


@pytest.mark.parametrize(
    ("protocol", "name", "views"),
    [
        (Protocol.named("efficiency"), "efficiency", 1),
        (Protocol.named("accuracy"), "accuracy", 6),
        (Protocol.named("kinetics"), "kinetics", 30),
        (Protocol(2, 3), "accuracy", 6),
        (Protocol(2, 3, True), "accuracy_full", 6),
        (Protocol(4, 1), "4x1", 4),
        (Protocol(4, 1, True), "4x1_full", 4),
        (Protocol.named("accuracy", crops_along="width"), "accuracy_width", 6),
        (Protocol(4, 3, True, "width"), "4x3_full_width", 12),
    ],
)
def test_names_and_views(protocol, name, views):
    assert (protocol.name, protocol.views) == (name, views)


def test_the_papers_figure_is_compared_with_its_own_protocol():
    paper = {"source": "GSF paper, Table 8", "top1": 51.53, "protocol": "accuracy"}
    config, metrics = {"paper": paper}, {"top1": 0.5}
    ours = published_result(config, Protocol(2, 3, True), metrics)
    assert ours["top1"] == pytest.approx(0.5153)
    assert ours["difference"] == pytest.approx(-0.0153)
    assert published_result(config, Protocol(), metrics)["difference"] is None
    assert published_result({"paper": {**paper, "top1": None}}, Protocol(), metrics) is None


def test_of_several_results_those_by_the_protocol_are_compared():
    """A row of the GSF paper's Table 8 with two protocols, and a second table with one figure."""
    table_8 = {"source": "GSF paper, Table 8", "protocol": "efficiency", "top1": 50.17}
    six_views = {**table_8, "protocol": "accuracy", "top1": 51.53, "verb_top1": 60.0}
    table_12 = {**table_8, "source": "GSF paper, Table 12"}
    config = {"paper": {**table_8, "results": [table_8, six_views, table_12]}}
    ours = published_result(config, Protocol(2, 3), {"top1": 0.5})
    assert (ours["top1"], ours["verb_top1"]) == (pytest.approx(0.5153), pytest.approx(0.6))
    assert ours["difference"] == pytest.approx(-0.0153) and "also" not in ours
    ours = published_result(config, Protocol(), {"top1": 0.5})
    (other,) = ours["also"]
    assert (ours["source"], other["source"]) == ("GSF paper, Table 8", "GSF paper, Table 12")
    assert other["difference"] == pytest.approx(-0.0017)
    ours = published_result(config, Protocol(4, 1), {"top1": 0.5})
    assert (ours["protocol"], ours["difference"], "also" in ours) == ("efficiency", None, False)
