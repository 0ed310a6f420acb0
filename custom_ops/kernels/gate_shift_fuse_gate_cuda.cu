// The gate of Gate-Shift-Fuse: batch statistics and equation (1).
#include "custom_ops/kernels/cuda_gate_shift_fuse.h"

namespace gsf {
namespace {

// x - x[0] and its square: far less is lost than from sums of x.
template <typename T, int V>
struct StatisticsTerm {
  Problem<T> problem;

  __device__ void operator()(int64_t, int64_t row, int64_t channel, Real<T> (&values)[2][V]) const {
    Real<T> first[V];
    Load<V>(problem.x + row * problem.channels + channel, values[0]);
    Load<V>(problem.x + channel, first);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      values[0][v] -= first[v];
      values[1][v] = values[0][v] * values[0][v];
    }
  }
};

// Writes the mean and the variance that are used.
template <typename T>
__global__ void StatisticsKernel(Problem<T> problem, const Real<T>* __restrict__ partials,
                                 int64_t chunks, const Real<T>* __restrict__ moving_mean,
                                 const Real<T>* __restrict__ moving_variance) {
  using R = Real<T>;
  const int64_t channel = static_cast<int64_t>(blockIdx.x) * kSumColumns + threadIdx.x;
  const int64_t channels = problem.processed;
  double sum = 0, squares = 0;
  if (problem.training) {
    sum = SumRows(partials, chunks, 2 * channels, channel);
    squares = SumRows(partials, chunks, 2 * channels, channels + channel);
  }
  if (threadIdx.y != 0 || channel >= channels) return;
  if (problem.training) {
    const double count = static_cast<double>(problem.num_frames * problem.pixels);
    const double mean = sum / count;
    problem.mean[channel] =
        static_cast<R>(mean + static_cast<double>(static_cast<R>(problem.x[channel])));
    problem.variance[channel] = static_cast<R>(squares / count - mean * mean);
  } else {
    problem.mean[channel] = moving_mean[channel];
    problem.variance[channel] = moving_variance[channel];
  }
}

// A block computes a tile of one frame and one half. Every thread has kPixelsPerThread of the
// kSide x kSide pixels of the tile and its border, and for each the 27 products of the activations
// with the gate's taps.
constexpr int kSide = 16;
constexpr int kInner = kSide - 2;
constexpr int kTilePixels = kSide * kSide;
constexpr int kPlaneThreads = 128;
constexpr int kPixelsPerThread = kTilePixels / kPlaneThreads;
constexpr int kChannelsAtOnce = 16;

// Reads kChannelsAtOnce channels of the tile and its border, normalized and rectified.
template <int V, typename T>
__device__ void ReadActivations(const Problem<T>& problem, int64_t frame, int64_t top, int64_t left,
                                int64_t channel, int count, const Real<T>* scale,
                                const Real<T>* offset,
                                Real<T> (&activations)[kChannelsAtOnce][kTilePixels + 1]) {
  constexpr int kVectors = kChannelsAtOnce / V;
  for (int i = threadIdx.x; i < kTilePixels * kVectors; i += kPlaneThreads) {
    const int k = i % kVectors * V;
    const int pixel = i / kVectors;
    const int64_t h = top + pixel / kSide;
    const int64_t w = left + pixel % kSide;
    const bool inside = k < count && h >= 0 && h < problem.height && w >= 0 && w < problem.width;
    Real<T> values[V] = {};
    if (inside) {
      const int64_t row = frame * problem.pixels + h * problem.width + w;
      Load<V>(problem.x + row * problem.channels + channel + k, values);
    }
#pragma unroll
    for (int v = 0; v < V; ++v) {
      // Written so that a value that is no number stays.
      const Real<T> value = scale[k + v] * values[v] + offset[k + v];
      activations[k + v][pixel] = !inside || value < Real<T>(0) ? Real<T>(0) : value;
    }
  }
}

// Equation (1) within a frame: `planes` [N, H, W, half, time tap].
template <int V, typename T>
__global__ void __launch_bounds__(kPlaneThreads)
    PlanesKernel(Problem<T> problem, Real<T>* __restrict__ planes, int64_t tiles_across) {
  using R = Real<T>;
  __shared__ R activations[kChannelsAtOnce][kTilePixels + 1];
  __shared__ R taps[kChannelsAtOnce][kGateTaps + 1];
  __shared__ R scale[kChannelsAtOnce], offset[kChannelsAtOnce];
  const int64_t top = blockIdx.x / tiles_across * kInner - 1;
  const int64_t left = blockIdx.x % tiles_across * kInner - 1;
  for (int64_t job = blockIdx.y; job < 2 * problem.num_frames; job += gridDim.y) {
    const int64_t frame = job / 2;
    const int64_t half = job % 2;
    R sums[kPixelsPerThread][kGateTaps] = {};
    for (int64_t first = 0; first < problem.half; first += kChannelsAtOnce) {
      const int count = static_cast<int>(
          first + kChannelsAtOnce < problem.half ? kChannelsAtOnce : problem.half - first);
      const int64_t channel = half * problem.half + first;
      __syncthreads();
      for (int i = threadIdx.x; i < kChannelsAtOnce * kGateTaps; i += kPlaneThreads) {
        const int k = i % kChannelsAtOnce;
        const int tap = i / kChannelsAtOnce;
        taps[k][tap] =
            k < count ? problem.gate_kernel[(tap * problem.half + first + k) * 2 + half] : R(0);
      }
      if (threadIdx.x < kChannelsAtOnce) {
        const int k = threadIdx.x;
        const bool used = k < count;
        scale[k] = used ? problem.gamma[channel + k] * problem.InverseDeviation(channel + k) : R(0);
        offset[k] = used ? problem.beta[channel + k] - scale[k] * problem.mean[channel + k] : R(0);
      }
      __syncthreads();
      ReadActivations<V>(problem, frame, top, left, channel, count, scale, offset, activations);
      __syncthreads();
      for (int k = 0; k < kChannelsAtOnce; ++k) {
        R values[kPixelsPerThread];
#pragma unroll
        for (int p = 0; p < kPixelsPerThread; ++p) {
          values[p] = activations[k][threadIdx.x + p * kPlaneThreads];
        }
#pragma unroll
        for (int tap = 0; tap < kGateTaps; ++tap) {
          const R weight = taps[k][tap];
#pragma unroll
          for (int p = 0; p < kPixelsPerThread; ++p) sums[p][tap] += weight * values[p];
        }
      }
    }
    // The activations' memory takes nine products per pixel: those of one time tap.
    R* const products = &activations[0][0];
#pragma unroll
    for (int time = 0; time < 3; ++time) {
      __syncthreads();
#pragma unroll
      for (int p = 0; p < kPixelsPerThread; ++p) {
#pragma unroll
        for (int tap = 0; tap < 9; ++tap) {
          products[tap * kTilePixels + threadIdx.x + p * kPlaneThreads] = sums[p][time * 9 + tap];
        }
      }
      __syncthreads();
      for (int pixel = threadIdx.x; pixel < kTilePixels; pixel += kPlaneThreads) {
        const int row = pixel / kSide;
        const int column = pixel % kSide;
        const int64_t h = top + row;
        const int64_t w = left + column;
        if (row == 0 || row > kInner || column == 0 || column > kInner || h >= problem.height ||
            w >= problem.width) {
          continue;
        }
        R sum = R(0);
#pragma unroll
        for (int tap = 0; tap < 9; ++tap) {
          sum += products[tap * kTilePixels + pixel + (tap / 3 - 1) * kSide + tap % 3 - 1];
        }
        planes[((frame * problem.pixels + h * problem.width + w) * 2 + half) * 3 + time] = sum;
      }
    }
  }
}

// Equation (1) over frames.
template <typename T>
__global__ void GateKernel(Problem<T> problem, const Real<T>* __restrict__ planes) {
  const int64_t count = problem.num_frames * problem.pixels * 2;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t frame_planes = problem.pixels * 6;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const int64_t t = problem.TimeOf(Quotient(i / 2, problem.pixels));
    const Real<T>* const here = planes + i * 3;
    Real<T> sum = problem.gate_bias[i % 2];
    for (int tap = 0; tap < 3; ++tap) {
      const int step = problem.TapStep(tap);
      if (problem.InClip(t + step)) sum += here[step * frame_planes + tap];
    }
    problem.gate[i] = tanh(sum);
  }
}

template <int V, typename T>
int LaunchWithLanes(const Problem<T>& problem, const gsf_gate_shift_fuse_weights& weights,
                    const ForwardBuffers& buffers, cudaStream_t stream) {
  using R = Real<T>;
  const int64_t rows = problem.num_frames * problem.pixels;
  R* const statistics = static_cast<R*>(buffers.statistics);
  R* const planes = static_cast<R*>(buffers.planes);
  if (problem.training) {
    const int error = LaunchRowSums<2, V>(StatisticsTerm<T, V>{problem}, statistics, 1, rows,
                                          problem.processed, stream);
    if (error != cudaSuccess) return error;
  }
  StatisticsKernel<T>
      <<<GridSize(CeilDiv(problem.processed, kSumColumns), kMaxGridX), dim3(kSumColumns, kSumLanes),
         0, stream>>>(problem, statistics, buffers.statistics_chunks,
                      static_cast<const R*>(weights.mean), static_cast<const R*>(weights.variance));
  cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  const int64_t tiles_across = CeilDiv(problem.width, kInner);
  const dim3 grid(GridSize(tiles_across * CeilDiv(problem.height, kInner), kMaxGridX),
                  GridSize(2 * problem.num_frames, kMaxGridY));
  PlanesKernel<V, T><<<grid, kPlaneThreads, 0, stream>>>(problem, planes, tiles_across);
  error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  GateKernel<T>
      <<<GridSize(CeilDiv(rows * 2, kThreads), kMaxGridX), kThreads, 0, stream>>>(problem, planes);
  return cudaGetLastError();
}

}  // namespace

template <typename T>
int LaunchGate(const Problem<T>& problem, const gsf_gate_shift_fuse_weights& weights,
               const ForwardBuffers& buffers, cudaStream_t stream) {
  return WithLanes(problem, [&](auto lanes) {
    return LaunchWithLanes<decltype(lanes)::value>(problem, weights, buffers, stream);
  });
}

#define INSTANTIATE(T)                                                              \
  template int LaunchGate<T>(const Problem<T>&, const gsf_gate_shift_fuse_weights&, \
                             const ForwardBuffers&, cudaStream_t);

INSTANTIATE(float)
INSTANTIATE(__nv_bfloat16)
INSTANTIATE(__half)
INSTANTIATE(double)

#undef INSTANTIATE

}  // namespace gsf
