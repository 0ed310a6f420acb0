import pytest


@pytest.fixture
def run_twin_test():
    """`tests.backbones.twin_test.run_twin_test`, or a skip where PyTorch is missing."""
    pytest.importorskip("torch", reason="The twins are PyTorch networks, and torch is missing.")
    from tests.backbones.twin_test import run_twin_test

    return run_twin_test
