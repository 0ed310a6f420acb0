"""The PyTorch forms of the layers, which the CUDA check times, against the float64 references."""

import functools

import pytest

torch = pytest.importorskip("torch")

from custom_ops.cuda_check import torch_checks  # noqa: E402


@pytest.mark.parametrize("dtype", torch_checks.TOLERANCE)
@pytest.mark.parametrize("op", torch_checks.CASES)
def test_eager(op, dtype):
    assert torch_checks.differences(op, dtype, "cpu") == []


@pytest.mark.parametrize("op", torch_checks.CASES)
def test_traced_as_one_graph_with_its_gradient(op):
    traced = functools.partial(torch.compile, dynamic=False, fullgraph=True, backend="aot_eager")
    assert torch_checks.differences(op, "float32", "cpu", traced) == []


def test_a_wrong_form_is_found():
    def wrong(form):
        return lambda x, *arguments: form(x, *arguments) * 1.001

    for op in torch_checks.CASES:
        assert torch_checks.differences(op, "float32", "cpu", wrong)
