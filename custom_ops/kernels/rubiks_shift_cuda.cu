#include "custom_ops/kernels/cuda_rubiks_shift.h"

namespace gsf {
namespace {

// y of x, or, for the adjoint, the gradient of x of that of y.
template <bool kAdjoint, int V, typename T, typename Position>
__device__ void Move(const T* __restrict__ source, const Real<T>* __restrict__ shift,
                     T* __restrict__ target, const Map<Position>& map, const Place<Position>& place,
                     Position channel, Base<Position> base) {
  using R = Real<T>;
  const Position source_width = kAdjoint ? map.horizontal.output : map.horizontal.length;
  const Position source_height = kAdjoint ? map.vertical.output : map.vertical.length;
  const Position target_width = kAdjoint ? map.horizontal.length : map.horizontal.output;
  const Position target_height = kAdjoint ? map.vertical.length : map.vertical.output;
  const int64_t source_frames = kAdjoint ? map.time.output : map.time.length;
  const Position target_frames = kAdjoint ? map.time.length : map.time.output;
  const int64_t source_frame = static_cast<int64_t>(source_height) * source_width * map.channels;
  const int64_t target_frame = static_cast<int64_t>(target_height) * target_width * map.channels;

  const auto rows =
      SpatialTaps<kAdjoint, V>(shift, 1, map.vertical, place.vertical, source_width * map.channels,
                               base.vertical, channel, map);
  const auto columns = SpatialTaps<kAdjoint, V>(shift, 2, map.horizontal, place.horizontal,
                                                map.channels, base.horizontal, channel, map);
  const auto times = TimeTaps<kAdjoint, V>(shift, base.time, channel, map);

  for (int64_t job = blockIdx.y; job < map.num_clips * map.chunks; job += gridDim.y) {
    Position first, last;
    const int64_t clip = FindFrames(job, map, target_frames, &first, &last);
    const T* const from = source + clip * source_frames * source_frame + channel;
    T* const to = target + (clip * target_frames + first) * target_frame +
                  (place.vertical * target_width + place.horizontal) * map.channels + channel;
    R ring[kTaps][V] = {};
    Position next = kAdjoint ? first - base.time - 1 : first * map.time.stride + base.time - 1;
    for (Position t = first; t < last; ++t) {
      const Position center = kAdjoint ? t - base.time : t * map.time.stride + base.time;
      if (next < center - 1) next = center - 1;
      for (; next <= center + 1; ++next) {
        Push(ring);
        Position frame;
        if (!FindSource<kAdjoint>(kAdjoint ? next : Position(0), kAdjoint ? Position(0) : next,
                                  map.time, &frame)) {
          continue;
        }
        const T* const pixels = from + frame * source_frame;
#pragma unroll
        for (int i = 0; i < kTaps; ++i) {
          R row[V] = {};
#pragma unroll
          for (int j = 0; j < kTaps; ++j) {
            R pixel[V];
            Load<V>(pixels + (rows.source[i] + columns.source[j]), pixel);
#pragma unroll
            for (int v = 0; v < V; ++v) row[v] += columns.value[j][v] * pixel[v];
          }
#pragma unroll
          for (int v = 0; v < V; ++v) ring[2][v] += rows.value[i][v] * row[v];
        }
      }
      R result[V];
#pragma unroll
      for (int v = 0; v < V; ++v) {
        result[v] = times.value[0][v] * ring[0][v] + times.value[1][v] * ring[1][v] +
                    times.value[2][v] * ring[2][v];
      }
      Store<V>(result, to + (t - first) * target_frame);
    }
  }
}

template <bool kAdjoint, int V, typename T, typename Position>
__global__ void __launch_bounds__(kThreads)
    MoveKernel(const T* __restrict__ source, const Real<T>* __restrict__ shift,
               T* __restrict__ target, Map<Position> map) {
  const Place<Position> place = FindPlace<V>(map);
  if (place.channel >= map.channels ||
      place.vertical >= (kAdjoint ? map.vertical.length : map.vertical.output) ||
      place.horizontal >= (kAdjoint ? map.horizontal.length : map.horizontal.output)) {
    return;
  }
  if (IsNear<V>(shift, place.channel, map, false)) {
    Move<kAdjoint, V>(source, shift, target, map, place, place.channel, Base<Position>{});
    return;
  }
#pragma unroll 1
  for (int v = 0; v < V; ++v) {
    const Position channel = place.channel + v;
    Move<kAdjoint, 1>(source, shift, target, map, place, channel, BaseOf(shift, channel, map));
  }
}

}  // namespace

template <bool kAdjoint, typename T>
int LaunchMove(const void* source, const void* shift, void* target,
               const gsf_rubiks_shift_shape& shape, cudaStream_t stream) {
  // The adjoint alone serves quantized shifts only.
  constexpr int kMost = sizeof(T) == 8 ? 1 : kAdjoint ? 2 : 4;
  const bool aligned = IsAligned(source, kMost * sizeof(T)) && IsAligned(target, kMost * sizeof(T));
  return WithLanes<kMost>(shape, aligned, [&](auto lanes, auto position) -> int {
    constexpr int kLanes = decltype(lanes)::value;
    using Position = decltype(position);
    Map<Position> map;
    const Launch launch = Divide(shape, kLanes, !kAdjoint, &map);
    map.rounded = shape.quantized != 0;
    MoveKernel<kAdjoint, kLanes, T, Position><<<launch.grid, launch.threads, 0, stream>>>(
        static_cast<const T*>(source), static_cast<const Real<T>*>(shift), static_cast<T*>(target),
        map);
    return cudaGetLastError();
  });
}

#define INSTANTIATE(T)                                                                             \
  template int LaunchMove<false, T>(const void*, const void*, void*,                               \
                                    const gsf_rubiks_shift_shape&, cudaStream_t);                  \
  template int LaunchMove<true, T>(const void*, const void*, void*, const gsf_rubiks_shift_shape&, \
                                   cudaStream_t);

INSTANTIATE(float)
INSTANTIATE(__nv_bfloat16)
INSTANTIATE(__half)
INSTANTIATE(double)

#undef INSTANTIATE

}  // namespace gsf

int gsf_rubiks_shift_cuda(const void* x, const void* shift, void* y,
                          const gsf_rubiks_shift_shape* shape, void* stream) {
  if (gsf::IsEmpty(*shape)) return cudaSuccess;
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::LaunchMove<false, decltype(element)>(x, shift, y, *shape,
                                                     static_cast<cudaStream_t>(stream));
  });
}
