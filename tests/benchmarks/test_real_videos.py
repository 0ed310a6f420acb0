"""The runs behind the rows of docs/real_videos.md."""

import pytest

from benchmarks.real_videos import METHODS, variant
from gsf_tf.recipes.fine_tuning import fine_tuning
from trainers.cli import FlagError


def values(row):
    """Returns the configuration that a row trains."""
    run = variant(row, "efficientnetlite0", 112, ("--config.augmentation.flip=0.5",))
    assert run.config.startswith("configs/folder.py:")
    config = fine_tuning(run.config.removeprefix("configs/folder.py:"))
    given = dict(flag.removeprefix("--config.").split("=") for flag in run.flags)
    assert given.pop("augmentation.flip") == "0.5"
    assert given.pop("model.image_size") == "112"
    return config, given


@pytest.mark.parametrize("method", METHODS)
def test_a_method_alone_starts_from_imagenet_weights(method):
    config, given = values(method)
    assert config.model.preset == f"{method}_efficientnetlite0"
    assert config.model.weights == "imagenet" and given["freeze_backbone_epochs"] == "1"
    assert "model.start" not in given


def test_the_other_starts():
    config, given = values("gsf:scratch")
    assert config.model.weights is None and "freeze_backbone_epochs" not in given
    config, given = values("gsf:paper")
    assert config.model.weights == "imagenet" and given["model.start"] == "paper"


@pytest.mark.parametrize("row", ["c3d", "gsf:noise", ""])
def test_an_unknown_row_is_an_error(row):
    with pytest.raises(FlagError, match=rf"must name tsn, tsm, gsm, gsf.*Received: {row!r}"):
        variant(row, "efficientnetlite0", 112)
