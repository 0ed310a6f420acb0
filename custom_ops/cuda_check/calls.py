"""Calls of the CUDA kernels through ctypes, on memory between guards."""

import ctypes
import functools

import numpy as np

DTYPES = {"float32": 0, "bfloat16": 1, "float16": 2, "float64": 3}
# Every number that these bytes make, in any of the types, is not a number.
POISON = 0xFF
GUARD_BYTES = 256
BLOCK = 1 << 20
# Numbers per position that the forward pass of the motion flow saves.
MOTION_FLOW_SAVED = 6


class KernelError(RuntimeError):
    """A kernel's launcher returned an error, or memory beside an array was written."""


class TemporalShiftShape(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("num_frames", "num_segments", "rows_per_frame")),
        *((name, ctypes.c_int64) for name in ("row_bytes", "fold_bytes")),
        *((name, ctypes.c_int32) for name in ("reverse", "causal")),
    ]


class RubiksShiftShape(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("num_clips", "num_segments", "height", "width")),
        *((name, ctypes.c_int64) for name in ("channels", "time_stride")),
        *((name, ctypes.c_int64) for name in ("height_stride", "width_stride")),
        *((name, ctypes.c_int32) for name in ("rows", "quantized", "dtype")),
    ]


class GateShiftFuseShape(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("num_frames", "num_segments", "height", "width")),
        *((name, ctypes.c_int64) for name in ("channels", "processed")),
        ("epsilon", ctypes.c_double),
        *((name, ctypes.c_int32) for name in ("training", "learned_fusion", "causal", "dtype")),
    ]


class MotionFlowShape(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("num_frames", "num_segments", "height", "width")),
        *((name, ctypes.c_int64) for name in ("channels", "window")),
        *((name, ctypes.c_double) for name in ("sigma", "temperature")),
        ("dtype", ctypes.c_int32),
    ]


def _pointers(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": [(f, ctypes.c_void_p) for f in fields]})


_GATE_WEIGHTS = ("gate_kernel", "gate_bias", "fusion_kernel", "fusion_bias")
Weights = _pointers("Weights", "gamma", "beta", "mean", "variance", *_GATE_WEIGHTS)
Saved = _pointers("Saved", "mean", "variance", "gate", "means", "fusion")
Gradients = _pointers("Gradients", "gamma", "beta", *_GATE_WEIGHTS)


def real(dtype):
    """The NumPy type in which the kernels for `dtype` compute."""
    return np.dtype("float64" if dtype == "float64" else "float32")


def itemsize(dtype):
    return {"float64": 8, "float32": 4}.get(dtype, 2)


def encode(array, dtype):
    """Returns float64 numbers, rounded to `dtype`; bfloat16 as its bits."""
    if dtype != "bfloat16":
        return np.asarray(array, dtype)
    bits = np.asarray(array, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def decode(array, dtype):
    """Returns what `encode` made, exactly, in float64."""
    if dtype == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


class Array:
    """Memory of a device between two guards. Free it, or use it in a `with` block.

    Args:
        memory: `HostMemory` or a device's memory with the same methods.
        nbytes: Size.
        offset: Bytes by which the start misses the alignment of 256 bytes.
    """

    def __init__(self, memory, nbytes, offset=0):
        self.memory, self.nbytes, self._start = memory, nbytes, GUARD_BYTES + offset
        self._base = memory.allocate(nbytes + 2 * GUARD_BYTES + offset)
        memory.fill(self._base, POISON, nbytes + 2 * GUARD_BYTES + offset)
        self.pointer = self._base + self._start

    def write(self, array):
        self.memory.write(self.pointer, np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    def read(self, dtype, shape):
        """Returns the content, after a look at the guards."""
        data = self.memory.read(self._base, self._start + self.nbytes + GUARD_BYTES)
        if not all(np.all(guard == POISON) for guard in (data[: self._start], data[-GUARD_BYTES:])):
            raise KernelError("A kernel wrote outside its array")
        content = data[self._start : self._start + self.nbytes]
        return content.copy().view("uint16" if dtype == "bfloat16" else dtype).reshape(shape)

    def free(self):
        self.memory.free(self._base)


class Kernels:
    """The functions of the library, on NumPy arrays that `encode` made.

    Args:
        library: Path of a shared library with the CUDA kernels.
        memory: Where the kernels find their arrays.
        offset: Elements by which arrays of the element type miss their alignment.
    """

    def __init__(self, library, memory, offset=0):
        self.library, self.memory, self.offset = ctypes.CDLL(str(library)), memory, offset
        for name in (
            *("rubiks_shift", "gate_shift_fuse", "gate_shift_fuse_gradient"),
            *("motion_flow", "motion_flow_gradient"),
        ):
            getattr(self.library, f"gsf_{name}_workspace_cuda").restype = ctypes.c_int64
        workspace = self.library.gsf_rubiks_shift_pointwise_gradient_workspace_cuda
        workspace.argtypes, workspace.restype = [ctypes.c_void_p, ctypes.c_int64], ctypes.c_int64
        self.library.gsf_cuda_error_string.restype = ctypes.c_char_p

    def temporal_shift(self, x, num_segments, fold, reverse, causal):
        frames, channels = x.shape[0], x.shape[-1]
        rows = int(np.prod(x.shape[1:-1]))
        with self.session() as arrays:
            source, target = arrays.new(x), arrays.empty(x.nbytes, self.offset * x.itemsize)
            shape = TemporalShiftShape(
                frames,
                num_segments,
                rows,
                channels * x.itemsize,
                fold * x.itemsize,
                reverse,
                causal,
            )
            self.call("temporal_shift_cuda", source.pointer, target.pointer, shape)
            return target.read(x.dtype, x.shape)

    def rubiks_shift(self, x, shift, shape, dtype, upstream):
        """Returns y, the gradient of x and that of the shift."""
        with self.session() as arrays:
            ours = [arrays.new(x, self.offset), arrays.new(shift)]
            y = arrays.empty(upstream.nbytes, self.offset * x.itemsize)
            self.call("rubiks_shift_cuda", *(a.pointer for a in ours), y.pointer, shape)
            of_y = arrays.new(upstream, self.offset)
            of_x = arrays.empty(x.nbytes, self.offset * x.itemsize)
            of_shift = arrays.empty(shift.nbytes)
            workspace = arrays.workspace("rubiks_shift", shape)
            all_arrays = (*ours, of_y, of_x, of_shift, workspace)
            self.call("rubiks_shift_gradient_cuda", *(a.pointer for a in all_arrays), shape)
            workspace.read("uint8", -1)
            return {
                "y": y.read(dtype, upstream.shape),
                "d_x": of_x.read(dtype, x.shape),
                "d_shift": of_shift.read(shift.dtype, shift.shape),
            }

    def rubiks_shift_pointwise(self, x, shift, kernel, addend, shape, dtype, upstream):
        """Returns y and the gradient of the kernel; `addend` may be None."""
        filters = kernel.shape[1]
        with self.session() as arrays:
            source, ours = arrays.new(x, self.offset), [arrays.new(shift), arrays.new(kernel)]
            other = None if addend is None else arrays.new(addend, self.offset).pointer
            y = arrays.empty(upstream.nbytes, self.offset * x.itemsize)
            pointers = [a.pointer for a in (source, *ours)]
            self.call("rubiks_shift_pointwise_cuda", *pointers, other, y.pointer, filters, shape)
            of_y = arrays.new(upstream, self.offset)
            of_kernel = arrays.empty(kernel.nbytes)
            workspace = arrays.empty(self.pointwise_workspace_bytes(shape, filters))
            pointers = [a.pointer for a in (source, ours[0], of_y, of_kernel, workspace)]
            self.call("rubiks_shift_pointwise_gradient_cuda", *pointers, filters, shape)
            workspace.read("uint8", -1)
            return {
                "y": y.read(dtype, upstream.shape),
                "d_kernel": of_kernel.read(kernel.dtype, kernel.shape),
            }

    def pointwise_workspace_bytes(self, shape, filters):
        """Returns the workspace of the gradient of `rubiks_shift_pointwise`."""
        function = self.library.gsf_rubiks_shift_pointwise_gradient_workspace_cuda
        return function(ctypes.byref(shape), filters)

    def gate_shift_fuse(self, x, weights, shape, dtype, upstream, in_place):
        """Returns a dictionary as `references.gate_shift_fuse` does.

        In place, y takes the place of x and the gradient of x that of the gradient of y.
        """
        frames, processed = x.shape[0], shape.processed
        saved_shapes = {"mean": processed, "variance": processed, "gate": (*x.shape[:3], 2)}
        gradient_names = ["gamma", "beta", "gate_kernel", "gate_bias"]
        if shape.learned_fusion:
            saved_shapes.update(means=(frames, 2, processed), fusion=(frames, processed))
            gradient_names += ["fusion_kernel", "fusion_bias"]
        one = real(dtype)
        with self.session() as arrays:
            given = {name: arrays.new(array) for name, array in weights.items()}
            saved = {
                name: arrays.empty(int(np.prod(size)) * one.itemsize)
                for name, size in saved_shapes.items()
            }
            gradients = {name: arrays.empty(weights[name].nbytes) for name in gradient_names}
            structs = [
                kind(**{name: array.pointer for name, array in arrays_of.items()})
                for kind, arrays_of in ((Weights, given), (Saved, saved), (Gradients, gradients))
            ]
            source = arrays.new(x, self.offset)
            y = source if in_place else arrays.empty(x.nbytes, self.offset * x.itemsize)
            workspace = arrays.workspace("gate_shift_fuse", shape)
            self.call(
                "gate_shift_fuse_cuda", source.pointer, structs[0], y.pointer, structs[1],
                workspace.pointer, shape,
            )  # fmt: skip
            workspace.read("uint8", -1)
            result = {"y": y.read(dtype, x.shape)}
            if in_place:
                source.write(x)
            of_y = arrays.new(upstream, self.offset)
            of_x = of_y if in_place else arrays.empty(x.nbytes, self.offset * x.itemsize)
            workspace = arrays.workspace("gate_shift_fuse_gradient", shape)
            self.call(
                "gate_shift_fuse_gradient_cuda", source.pointer, *structs[:2], of_y.pointer,
                of_x.pointer, structs[2], workspace.pointer, shape,
            )  # fmt: skip
            workspace.read("uint8", -1)
            result["d_x"] = of_x.read(dtype, x.shape)
            for name, size in saved_shapes.items():
                result[name] = saved[name].read(one, size)
            for name in gradient_names:
                result[f"d_{name}"] = gradients[name].read(one, weights[name].shape)
            return result

    def motion_flow(self, x, shape, dtype, upstream):
        """Returns a dictionary as `references.motion_flow` does."""
        frames, height, width, _ = x.shape
        pairs = frames - frames // shape.num_segments
        saved_shape = (pairs, height, MOTION_FLOW_SAVED, width)
        with self.session() as arrays:
            source = arrays.new(x, self.offset)
            y = arrays.empty(upstream.nbytes, self.offset * x.itemsize)
            saved = arrays.empty(int(np.prod(saved_shape)) * real(dtype).itemsize)
            workspace = arrays.workspace("motion_flow", shape)
            all_arrays = (source, y, saved, workspace)
            self.call("motion_flow_cuda", *(a.pointer for a in all_arrays), shape)
            workspace.read("uint8", -1)
            of_y = arrays.new(upstream, self.offset)
            of_x = arrays.empty(x.nbytes, self.offset * x.itemsize)
            workspace = arrays.workspace("motion_flow_gradient", shape)
            all_arrays = (source, saved, of_y, of_x, workspace)
            self.call("motion_flow_gradient_cuda", *(a.pointer for a in all_arrays), shape)
            workspace.read("uint8", -1)
            return {
                "y": y.read(dtype, upstream.shape),
                "saved": saved.read(real(dtype), saved_shape),
                "d_x": of_x.read(dtype, x.shape),
            }

    def call(self, name, *arguments, stream=None):
        """Calls a function of the library; pointers are integers, structures go by reference."""
        converted = [
            ctypes.byref(value) if isinstance(value, ctypes.Structure) else ctypes.c_void_p(value)
            for value in arguments
        ]
        error = getattr(self.library, f"gsf_{name}")(*converted, ctypes.c_void_p(stream))
        if error:
            text = self.library.gsf_cuda_error_string(error).decode()
            raise KernelError(f"gsf_{name} returned {error}: {text}")

    def workspace_bytes(self, name, shape):
        """Returns how much memory a function of the library needs beside its arrays."""
        return getattr(self.library, f"gsf_{name}_workspace_cuda")(ctypes.byref(shape))

    def session(self):
        return _Session(self)


class _Session:
    """The arrays of one call, freed together."""

    def __init__(self, kernels):
        self._kernels, self._arrays = kernels, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for array in self._arrays:
            array.free()

    def empty(self, nbytes, offset=0):
        self._arrays.append(Array(self._kernels.memory, nbytes, offset))
        return self._arrays[-1]

    def new(self, array, offset=0):
        created = self.empty(array.nbytes, offset * array.itemsize)
        created.write(array)
        return created

    def check_guards(self):
        for array in self._arrays:
            array.read("uint8", -1)

    def random(self, elements, dtype):
        """Normal random numbers, of which every `BLOCK` repeat: the device makes the copies."""
        array = self.empty(elements * itemsize(dtype))
        block = _random_block(dtype)[:elements]
        array.write(block)
        done = block.nbytes
        while done < array.nbytes:
            nbytes = min(done, array.nbytes - done)
            self._kernels.memory.copy(array.pointer + done, array.pointer, nbytes)
            done += nbytes
        return array

    def workspace(self, name, shape):
        return self.empty(self._kernels.workspace_bytes(name, shape))


@functools.cache
def _random_block(dtype):
    return encode(np.random.default_rng(3).normal(size=BLOCK), dtype)


class HostMemory:
    """Memory of the CPU, for kernels that are compiled for it."""

    def __init__(self):
        self._blocks = {}

    def allocate(self, nbytes):
        block = np.empty(nbytes + GUARD_BYTES, np.uint8)
        address = -(-block.ctypes.data // GUARD_BYTES) * GUARD_BYTES
        self._blocks[address] = block
        return address

    def free(self, address):
        del self._blocks[address]

    def fill(self, address, byte, nbytes):
        ctypes.memset(address, byte, nbytes)

    def write(self, address, array):
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def read(self, address, nbytes):
        array = np.empty(nbytes, np.uint8)
        ctypes.memmove(array.ctypes.data, address, nbytes)
        return array

    def copy(self, target, source, nbytes):
        ctypes.memmove(target, source, nbytes)
