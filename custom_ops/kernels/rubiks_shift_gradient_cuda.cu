#include "custom_ops/kernels/cuda_rubiks_shift.h"

namespace gsf {
namespace {

// The adjoint once more, and with it the products of x and the adjoint's slopes, whose sums are
// the gradient of the shift. `sums` is [3, V], one thread's column of it.
template <int V, typename T, typename Position>
__device__ void Differentiate(const T* __restrict__ x, const Real<T>* __restrict__ shift,
                              const T* __restrict__ y_gradient, T* __restrict__ x_gradient,
                              const Map<Position>& map, const Place<Position>& place,
                              Position channel, Base<Position> base, Real<T>* sums,
                              int sums_per_axis) {
  using R = Real<T>;
  const int64_t y_frame =
      static_cast<int64_t>(map.vertical.output) * map.horizontal.output * map.channels;
  const int64_t x_frame =
      static_cast<int64_t>(map.vertical.length) * map.horizontal.length * map.channels;
  const auto rows =
      SpatialTaps<true, V>(shift, 1, map.vertical, place.vertical,
                           map.horizontal.output * map.channels, base.vertical, channel, map);
  const auto columns = SpatialTaps<true, V>(shift, 2, map.horizontal, place.horizontal,
                                            map.channels, base.horizontal, channel, map);
  const auto times = TimeTaps<true, V>(shift, base.time, channel, map);
  R of_time[V] = {}, of_rows[V] = {}, of_columns[V] = {};

  for (int64_t job = blockIdx.y; job < map.num_clips * map.chunks; job += gridDim.y) {
    Position first, last;
    const int64_t clip = FindFrames(job, map, map.time.length, &first, &last);
    const T* const from = y_gradient + clip * map.time.output * y_frame + channel;
    const int64_t here =
        clip * map.time.length * x_frame +
        (place.vertical * map.horizontal.length + place.horizontal) * map.channels + channel;
    // Frames t - 1, t, t + 1 of x, zero outside the chunk; blends of frames t - 2, t - 1, t.
    R elements[kTaps][V] = {}, blends[kTaps][V] = {};
    for (Position t = first - 1; t <= last; ++t) {
      Push(elements);
      if (t + 1 < last) Load<V>(x + here + (t + 1) * x_frame, elements[2]);
      Push(blends);
      Position frame;
      if (FindSource<true>(t, base.time, map.time, &frame)) {
        const T* const pixels = from + frame * y_frame;
        R row_slopes[V] = {}, column_slopes[V] = {};
#pragma unroll
        for (int i = 0; i < kTaps; ++i) {
          R value[V] = {}, slope[V] = {};
#pragma unroll
          for (int j = 0; j < kTaps; ++j) {
            R pixel[V];
            Load<V>(pixels + (rows.source[i] + columns.source[j]), pixel);
#pragma unroll
            for (int v = 0; v < V; ++v) {
              value[v] += columns.value[j][v] * pixel[v];
              slope[v] += columns.slope[j][v] * pixel[v];
            }
          }
#pragma unroll
          for (int v = 0; v < V; ++v) {
            blends[2][v] += rows.value[i][v] * value[v];
            row_slopes[v] += rows.slope[i][v] * value[v];
            column_slopes[v] += rows.value[i][v] * slope[v];
          }
        }
#pragma unroll
        for (int v = 0; v < V; ++v) {
          const R value = times.value[2][v] * elements[0][v] + times.value[1][v] * elements[1][v] +
                          times.value[0][v] * elements[2][v];
          const R slope = times.slope[2][v] * elements[0][v] + times.slope[1][v] * elements[1][v] +
                          times.slope[0][v] * elements[2][v];
          of_time[v] += blends[2][v] * slope;
          of_rows[v] += row_slopes[v] * value;
          of_columns[v] += column_slopes[v] * value;
        }
      }
      if (x_gradient != nullptr && t > first) {
        R result[V];
#pragma unroll
        for (int v = 0; v < V; ++v) {
          result[v] = times.value[0][v] * blends[0][v] + times.value[1][v] * blends[1][v] +
                      times.value[2][v] * blends[2][v];
        }
        Store<V>(result, x_gradient + here + (t - 1) * x_frame);
      }
    }
  }
#pragma unroll
  for (int v = 0; v < V; ++v) {
    sums[v * kThreads] = of_time[v];
    sums[(sums_per_axis + v) * kThreads] = of_rows[v];
    sums[(2 * sums_per_axis + v) * kThreads] = of_columns[v];
  }
}

// Writes one row [3, channels] of `partials` per block of pixels.
template <int V, typename T, typename Position>
__global__ void __launch_bounds__(kThreads)
    GradientKernel(const T* __restrict__ x, const Real<T>* __restrict__ shift,
                   const T* __restrict__ y_gradient, T* __restrict__ x_gradient,
                   Real<T>* __restrict__ partials, Map<Position> map) {
  using R = Real<T>;
  __shared__ R sums[3 * V][kThreads];
  const Place<Position> place = FindPlace<V>(map);
  const int pixel = threadIdx.y + blockDim.y * threadIdx.z;
  const int thread = threadIdx.x + blockDim.x * pixel;
  for (int k = 0; k < 3 * V; ++k) sums[k][thread] = R(0);
  if (place.channel < map.channels && place.vertical < map.vertical.length &&
      place.horizontal < map.horizontal.length) {
    if (IsNear<V>(shift, place.channel, map, true)) {
      Differentiate<V>(x, shift, y_gradient, x_gradient, map, place, place.channel,
                       Base<Position>{}, &sums[0][thread], V);
    } else {
#pragma unroll 1
      for (int v = 0; v < V; ++v) {
        const Position channel = place.channel + v;
        Differentiate<1>(x, shift, y_gradient, x_gradient, map, place, channel,
                         BaseOf(shift, channel, map), &sums[v][thread], V);
      }
    }
  }
  const int pixels = blockDim.y * blockDim.z;
  for (int step = kThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (pixel < step && pixel + step < pixels) {
      for (int k = 0; k < 3 * V; ++k) sums[k][thread] += sums[k][thread + step * blockDim.x];
    }
  }
  if (pixel != 0 || place.channel >= map.channels) return;
  for (int k = 0; k < 3 * V; ++k) {
    partials[(place.block * 3 + k / V) * map.channels + place.channel + k % V] = sums[k][thread];
  }
}

template <typename R>
__global__ void SumKernel(const R* __restrict__ partials, R* __restrict__ shift_gradient,
                          int64_t blocks, int64_t columns, int64_t skipped) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kSumColumns + threadIdx.x;
  const double sum = SumRows(partials, blocks, columns, column);
  if (threadIdx.y == 0 && column >= skipped && column < columns) {
    shift_gradient[column - skipped] = static_cast<R>(sum);
  }
}

// Fewer lanes than in the forward pass: values and slopes take twice the registers.
template <typename T>
constexpr int kGradientLanes = sizeof(T) == 8 ? 1 : 2;

template <typename T>
int LaunchGradient(const void* x, const void* shift, const void* y_gradient, void* x_gradient,
                   void* shift_gradient, void* workspace, const gsf_rubiks_shift_shape& shape,
                   cudaStream_t stream) {
  using R = Real<T>;
  constexpr int kMost = kGradientLanes<T>;
  const bool aligned = IsAligned(x, kMost * sizeof(T)) &&
                       IsAligned(y_gradient, kMost * sizeof(T)) &&
                       IsAligned(x_gradient, kMost * sizeof(T));
  return WithLanes<kMost>(shape, aligned, [&](auto lanes, auto position) -> int {
    constexpr int kLanes = decltype(lanes)::value;
    using Position = decltype(position);
    Map<Position> map;
    const Launch launch = Divide(shape, kLanes, false, &map);
    map.rounded = false;
    R* const partials = static_cast<R*>(workspace);
    GradientKernel<kLanes, T, Position><<<launch.grid, launch.threads, 0, stream>>>(
        static_cast<const T*>(x), static_cast<const R*>(shift), static_cast<const T*>(y_gradient),
        shape.quantized ? nullptr : static_cast<T*>(x_gradient), partials, map);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) return error;
    const int64_t columns = 3 * shape.channels;
    SumKernel<R>
        <<<GridSize(CeilDiv(columns, kSumColumns), kMaxGridX), dim3(kSumColumns, kSumLanes), 0,
           stream>>>(partials, static_cast<R*>(shift_gradient),
                     static_cast<int64_t>(launch.grid.x) / map.channel_groups * launch.grid.y,
                     columns, (3 - shape.rows) * shape.channels);
    return cudaGetLastError();
  });
}

}  // namespace
}  // namespace gsf

int64_t gsf_rubiks_shift_workspace_cuda(const gsf_rubiks_shift_shape* shape) {
  if (gsf::IsEmpty(*shape)) return 0;
  // Pointers may turn out not to be aligned, and then there are other blocks.
  int64_t bytes = 0;
  for (const int lanes : {1, 2}) {
    if (shape->channels % lanes != 0) continue;
    gsf::Map<int64_t> map;
    const gsf::Launch launch = gsf::Divide(*shape, lanes, false, &map);
    const int64_t blocks = static_cast<int64_t>(launch.grid.x) / map.channel_groups * launch.grid.y;
    const int64_t real_bytes = shape->dtype == GSF_FLOAT64 ? sizeof(double) : sizeof(float);
    bytes = std::max(bytes, blocks * 3 * shape->channels * real_bytes);
  }
  return bytes;
}

int gsf_rubiks_shift_gradient_cuda(const void* x, const void* shift, const void* y_gradient,
                                   void* x_gradient, void* shift_gradient, void* workspace,
                                   const gsf_rubiks_shift_shape* shape, void* stream) {
  const cudaStream_t cuda_stream = static_cast<cudaStream_t>(stream);
  return gsf::WithElementType(shape->dtype, [&](auto element) -> int {
    using T = decltype(element);
    if (gsf::IsEmpty(*shape)) {
      const size_t bytes = shape->rows * shape->channels * sizeof(gsf::Real<T>);
      return bytes == 0 ? cudaSuccess : cudaMemsetAsync(shift_gradient, 0, bytes, cuda_stream);
    }
    if (shape->quantized) {
      const int error =
          gsf::LaunchMove<true, T>(y_gradient, shift, x_gradient, *shape, cuda_stream);
      if (error != cudaSuccess) return error;
    }
    return gsf::LaunchGradient<T>(x, shift, y_gradient, x_gradient, shift_gradient, workspace,
                                  *shape, cuda_stream);
  });
}
