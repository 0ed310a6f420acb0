// The geometry of RubiksShift on the GPU, for the forward pass and the gradient.
//
// A thread owns one pixel and V neighboring channels and walks over the frames of a clip. For
// every frame it blends 3 x 3 pixels, keeps the blends of three frames in registers and blends
// those. So a frame is read from memory once, and its nine reads per pixel hit the cache that the
// block's tile shares.
//
// Three taps per axis around a base serve every shift: around zero while the shifts of all V
// channels are within one element, which reads whole vectors; else around floor(shift), one
// channel at a time. Taps outside the clip get the coefficient zero and a valid address.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CUDA_RUBIKS_SHIFT_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CUDA_RUBIKS_SHIFT_H_

#include <type_traits>

#include "custom_ops/kernels/cuda_elements.h"
#include "custom_ops/kernels/rubiks_shift.h"

namespace gsf {

constexpr int kThreads = 256;
constexpr int kTaps = 3;
// Blocks that fill a large GPU. A constant, so that results are the same on every device.
constexpr int64_t kEnoughBlocks = 1024;

// `Position` counts the elements of one frame; 32 bits make divisions cheap, 64 serve every size.
template <typename Position>
struct Axis {
  Position length;  // of x
  Position output;  // of y, ceil(length / stride)
  Position stride;
};

template <typename Position>
struct Map {
  Axis<Position> time, vertical, horizontal;
  Position channels;
  Position channel_groups;  // blocks along the channels
  Position tiles_across;
  int64_t num_clips;
  Position chunks;  // parts that the frames of a clip are in, one per block
  Position frames_per_chunk;
  int rows;
  bool rounded;
};

template <typename Position>
struct Place {
  Position vertical, horizontal, channel;
  int64_t block;  // among those of the same channels
};

template <int V, typename Position>
__device__ Place<Position> FindPlace(const Map<Position>& map) {
  const Position tile = static_cast<Position>(blockIdx.x) / map.channel_groups;
  const Position group = static_cast<Position>(blockIdx.x) % map.channel_groups;
  Place<Position> place;
  place.vertical = tile / map.tiles_across * blockDim.z + threadIdx.z;
  place.horizontal = tile % map.tiles_across * blockDim.y + threadIdx.y;
  place.channel = (group * blockDim.x + threadIdx.x) * V;
  place.block = static_cast<int64_t>(tile) * gridDim.y + blockIdx.y;
  return place;
}

// A shift as a whole number of elements and a fraction in [0, 1).
template <typename R, typename Position>
struct Corner {
  Position below;
  R fraction;

  __device__ Corner(R shift) {
    // Anything as far is outside; a shift that is no number stays inside and shows in the result.
    constexpr R kFar = static_cast<R>(int64_t{1} << (sizeof(Position) == 4 ? 28 : 60));
    const R whole = floor(shift);
    fraction = shift - whole;
    below = whole != whole  ? 0
            : whole > kFar  ? static_cast<Position>(kFar)
            : whole < -kFar ? static_cast<Position>(-kFar)
                            : static_cast<Position>(whole);
  }

  __device__ R Value(Position position) const {
    return position == below ? R(1) - fraction : position == below + 1 ? fraction : R(0);
  }

  // At a kink, half the central difference.
  __device__ R Slope(Position position) const {
    if (fraction == R(0)) {
      return position == below - 1 ? R(-0.5) : position == below + 1 ? R(0.5) : R(0);
    }
    return position == below ? R(-1) : position == below + 1 ? R(1) : R(0);
  }
};

template <typename R, typename Position>
__device__ R ReadShift(const R* shift, int axis, Position channel, const Map<Position>& map) {
  const int row = axis - (3 - map.rows);
  if (row < 0) return R(0);
  const R value = shift[row * static_cast<int64_t>(map.channels) + channel];
  return map.rounded ? floor(value + R(0.5)) : value;
}

// Where the tap at `offset` from `target` reads: of x for an element of y, or, for the adjoint, of
// the gradient of y for an element of x.
template <bool kAdjoint, typename Position>
__device__ bool FindSource(Position target, Position offset, const Axis<Position>& axis,
                           Position* source) {
  Position position = kAdjoint ? target - offset : target * axis.stride + offset;
  bool inside = position >= 0;
  if (kAdjoint && inside) {
    inside = position % axis.stride == 0;
    position /= axis.stride;
  }
  inside = inside && position < (kAdjoint ? axis.output : axis.length);
  *source = inside ? position : 0;
  return inside;
}

template <typename R, int V, typename Position>
struct Taps {
  Position source[kTaps];  // in elements
  R value[kTaps][V];
  R slope[kTaps][V];  // left out by the compiler where it is not read
};

// The taps of a spatial axis, 1 or 2, for the element `target` of it.
template <bool kAdjoint, int V, typename R, typename Position>
__device__ Taps<R, V, Position> SpatialTaps(const R* shift, int axis_index,
                                            const Axis<Position>& axis, Position target,
                                            Position step, Position base, Position channel,
                                            const Map<Position>& map) {
  Taps<R, V, Position> taps;
#pragma unroll
  for (int k = 0; k < kTaps; ++k) {
    const Position offset = base + k - 1;
    const bool inside = FindSource<kAdjoint>(target, offset, axis, &taps.source[k]);
    taps.source[k] *= step;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const Corner<R, Position> corner(ReadShift(shift, axis_index, channel + v, map));
      taps.value[k][v] = inside ? corner.Value(offset) : R(0);
      taps.slope[k][v] = inside ? corner.Slope(offset) : R(0);
    }
  }
  return taps;
}

// The taps in time, in the order of the frames that they read.
template <bool kAdjoint, int V, typename R, typename Position>
__device__ Taps<R, V, Position> TimeTaps(const R* shift, Position base, Position channel,
                                         const Map<Position>& map) {
  Taps<R, V, Position> taps;
#pragma unroll
  for (int k = 0; k < kTaps; ++k) {
    const Position offset = kAdjoint ? base - (k - 1) : base + (k - 1);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const Corner<R, Position> corner(ReadShift(shift, 0, channel + v, map));
      taps.value[k][v] = corner.Value(offset);
      taps.slope[k][v] = corner.Slope(offset);
    }
  }
  return taps;
}

// What a thread's taps are around, on each axis.
template <typename Position>
struct Base {
  Position time, vertical, horizontal;
};

template <typename R, typename Position>
__device__ Base<Position> BaseOf(const R* shift, Position channel, const Map<Position>& map) {
  Base<Position> base;
  base.time = Corner<R, Position>(ReadShift(shift, 0, channel, map)).below;
  base.vertical = Corner<R, Position>(ReadShift(shift, 1, channel, map)).below;
  base.horizontal = Corner<R, Position>(ReadShift(shift, 2, channel, map)).below;
  return base;
}

// Whether taps around zero hold every value and, `with_slopes`, every slope. (At exactly one, the
// slope has a tap at two.)
template <int V, typename R, typename Position>
__device__ bool IsNear(const R* shift, Position channel, const Map<Position>& map,
                       bool with_slopes) {
  bool near = true;
  for (int axis = 0; axis < 3; ++axis) {
    for (int v = 0; v < V; ++v) {
      const R distance = fabs(ReadShift(shift, axis, channel + v, map));
      near = near && (with_slopes ? distance < R(1) : distance <= R(1));
    }
  }
  return near;
}

template <int V, typename R>
__device__ __forceinline__ void Push(R (&ring)[kTaps][V]) {
#pragma unroll
  for (int v = 0; v < V; ++v) {
    ring[0][v] = ring[1][v];
    ring[1][v] = ring[2][v];
    ring[2][v] = R(0);
  }
}

// The frames [*first, *last) of chunk `job` and its clip.
template <typename Position>
__device__ int64_t FindFrames(int64_t job, const Map<Position>& map, Position length,
                              Position* first, Position* last) {
  *first = static_cast<Position>(job % map.chunks) * map.frames_per_chunk;
  *last = *first + map.frames_per_chunk < length ? *first + map.frames_per_chunk : length;
  return job / map.chunks;
}

struct Launch {
  dim3 grid, threads;
};

// Divides the pixels and channels that the threads own over the grid.
template <typename Position>
Launch Divide(const gsf_rubiks_shift_shape& shape, int lanes, bool over_output,
              Map<Position>* map) {
  const bool spatial = shape.rows == 2;
  const auto axis = [](int64_t length, int64_t stride) {
    // A stride beyond the length takes the first element alone, as one of the length does.
    stride = std::min(stride, std::max(length, int64_t{1}));
    return Axis<Position>{static_cast<Position>(length),
                          static_cast<Position>(CeilDiv(length, stride)),
                          static_cast<Position>(stride)};
  };
  map->time = axis(spatial ? 1 : shape.num_segments, spatial ? 1 : shape.time_stride);
  map->vertical = axis(shape.height, shape.height_stride);
  map->horizontal = axis(shape.width, shape.width_stride);
  map->channels = static_cast<Position>(shape.channels);
  map->num_clips = spatial ? shape.num_clips * shape.num_segments : shape.num_clips;
  map->rows = shape.rows;

  const int64_t height = over_output ? map->vertical.output : map->vertical.length;
  const int64_t width = over_output ? map->horizontal.output : map->horizontal.length;
  const int64_t frames = over_output ? map->time.output : map->time.length;
  const int64_t vectors = shape.channels / lanes;
  // 4 to 8 vectors per pixel, that is 32 bytes or more of each: the number that wastes least.
  int64_t group = std::min<int64_t>(vectors, 4);
  for (int64_t other = 5; other <= std::min<int64_t>(vectors, 8); ++other) {
    if (CeilDiv(vectors, other) * other < CeilDiv(vectors, group) * group) group = other;
  }
  // The maps of the papers are multiples of 7 wide.
  const int64_t across = std::min<int64_t>(width, width % 7 == 0 ? 7 : 8);
  const int64_t down = std::min<int64_t>({height, kThreads / (group * across), 64});
  const int64_t groups = CeilDiv(vectors, group);
  const int64_t tiles = CeilDiv(width, across) * CeilDiv(height, down);
  const int64_t chunks =
      std::min(frames, std::max<int64_t>(1, kEnoughBlocks / (tiles * groups * map->num_clips)));
  map->channel_groups = static_cast<Position>(groups);
  map->tiles_across = static_cast<Position>(CeilDiv(width, across));
  map->frames_per_chunk = static_cast<Position>(CeilDiv(frames, chunks));
  map->chunks = static_cast<Position>(CeilDiv(frames, map->frames_per_chunk));
  return {dim3(static_cast<unsigned>(tiles * groups),
               GridSize(map->num_clips * map->chunks, kMaxGridY)),
          dim3(static_cast<unsigned>(group), static_cast<unsigned>(across),
               static_cast<unsigned>(down))};
}

inline bool IsEmpty(const gsf_rubiks_shift_shape& shape) {
  return shape.num_clips == 0 || shape.num_segments == 0 || shape.height == 0 || shape.width == 0 ||
         shape.channels == 0;
}

// Whether 32 bits hold a position in a frame, with room for a far shift to be added.
inline bool IsSmall(const gsf_rubiks_shift_shape& shape) {
  constexpr int64_t kLimit = int64_t{1} << 28;
  return shape.num_segments < kLimit && shape.height * shape.width * shape.channels < kLimit;
}

// Calls `function` with the largest number of lanes, at most kMost, that fits, and a position.
template <int kMost, typename Function>
int WithLanes(const gsf_rubiks_shift_shape& shape, bool aligned, Function function) {
  if (!IsSmall(shape)) return function(std::integral_constant<int, 1>{}, int64_t{});
  if constexpr (kMost >= 4) {
    if (aligned && shape.channels % 4 == 0) {
      return function(std::integral_constant<int, 4>{}, int32_t{});
    }
  }
  if constexpr (kMost >= 2) {
    if (aligned && shape.channels % 2 == 0) {
      return function(std::integral_constant<int, 2>{}, int32_t{});
    }
  }
  return function(std::integral_constant<int, 1>{}, int32_t{});
}

// Enqueues the forward pass or, with kAdjoint, the gradient of x alone.
template <bool kAdjoint, typename T>
int LaunchMove(const void* source, const void* shift, void* target,
               const gsf_rubiks_shift_shape& shape, cudaStream_t stream);

}  // namespace gsf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CUDA_RUBIKS_SHIFT_H_
