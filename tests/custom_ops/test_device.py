"""The calls of the CUDA runtime, with a runtime on the CPU: `cudart_on_cpu.cc`."""

import numpy as np
import pytest

from custom_ops.cuda_check import calls
from custom_ops.cuda_check.device import Device, DeviceError


@pytest.fixture
def device(cuda_home):
    return Device(cuda_home)


def test_the_architecture_is_what_nvcc_calls_it(device):
    assert device.architecture() == "sm_90"


def test_arrays_come_back_and_writes_beside_them_show(device):
    numbers = np.arange(12, dtype=np.float32)
    array = calls.Array(device, numbers.nbytes, offset=4)
    array.write(numbers)
    np.testing.assert_array_equal(array.read("float32", (12,)), numbers)
    device.fill(array.pointer + numbers.nbytes, 0, 1)
    with pytest.raises(calls.KernelError, match="outside its array"):
        array.read("float32", (12,))
    array.free()


def test_random_numbers_fill_the_array(device):
    kernels = calls.Kernels.__new__(calls.Kernels)
    kernels.memory = device
    elements = 3 * calls.BLOCK + 5
    with kernels.session() as arrays:
        numbers = arrays.random(elements, "float32").read("float32", (elements,))
    assert abs(numbers.std() - 1) < 0.01
    np.testing.assert_array_equal(numbers[calls.BLOCK :], numbers[: -calls.BLOCK])


def test_a_time_is_that_of_one_run_of_a_replayed_graph(device):
    turns = []
    runs = [lambda stream, i=i: turns.append((i, stream)) for i in range(2)]
    least, median, most = device.milliseconds(runs)
    # A first look: two runs take 3 ms. Then graphs of as few, since one lasts long enough.
    assert (least, median, most) == (1.5, 1.5, 1.5)
    assert [i for i, _ in turns] == [0, 1] * 4
    assert {stream for _, stream in turns} == {device.stream}


def test_copies_run_in_the_stream_that_is_timed(device):
    source, target = (calls.Array(device, 64) for _ in range(2))
    source.write(np.arange(64, dtype=np.uint8))
    device.milliseconds(
        [lambda stream: device.enqueue_copy(target.pointer, source.pointer, 64, stream)]
    )
    np.testing.assert_array_equal(target.read("uint8", (64,)), np.arange(64))


def test_an_error_names_the_call(device):
    with pytest.raises(DeviceError, match="cudaMemcpyAsync failed with error 1: invalid argument"):
        array = calls.Array(device, 4)
        device.enqueue_copy(array.pointer, array.pointer, 4, None)
