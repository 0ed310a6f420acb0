// What the forward pass and the gradient of Gate-Shift-Fuse share on the GPU.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_H_

#include <type_traits>

#include "custom_ops/kernels/cuda_elements.h"
#include "custom_ops/kernels/gate_shift_fuse.h"

namespace gsf {

constexpr int kThreads = 256;
constexpr int kGateTaps = 27;  // time, height, width
// Blocks that fill a large GPU. A constant, so that results are the same on every device.
constexpr int64_t kEnoughBlocks = 512;

// Sizes and the pointers that most kernels read.
template <typename T>
struct Problem {
  int64_t num_frames, num_segments, height, width;
  int64_t pixels;     // of a frame
  int64_t channels;   // of a row of x
  int64_t processed;  // the first ones
  int64_t half;       // processed / 2
  int64_t quarter;    // processed / 4
  Real<T> epsilon;
  bool training;
  bool fusion;  // learned
  bool causal;  // no frame reads a later one
  const T* x;
  const Real<T>* gamma;
  const Real<T>* beta;
  const Real<T>* gate_kernel;
  const Real<T>* gate_bias;
  const Real<T>* fusion_kernel;
  const Real<T>* fusion_bias;
  Real<T>* mean;
  Real<T>* variance;
  Real<T>* gate;
  Real<T>* means;
  Real<T>* fusion_weight;

  // The number of a frame in its clip.
  __device__ int64_t TimeOf(int64_t frame) const { return Remainder(frame, num_segments); }

  // Whether half 0 or 1 reads the next frame; else it reads the frame before.
  __device__ bool ReadsNext(int64_t of_half) const { return of_half == 0 && !causal; }

  // Where tap 0, 1 or 2 in time of a convolution reads: the number of frames after this one.
  __device__ int TapStep(int tap) const { return tap - (causal ? 2 : 1); }

  // Whether frame `t` of a clip is inside it.
  __device__ bool InClip(int64_t t) const { return t >= 0 && t < num_segments; }

  // The frame that half 0 or 1 of `frame` reads, or -1 outside the clip.
  __device__ int64_t ShiftedFrom(int64_t frame, int64_t of_half) const {
    const int64_t step = ReadsNext(of_half) ? 1 : -1;
    return InClip(TimeOf(frame) + step) ? frame + step : -1;
  }

  // The frame that reads half 0 or 1 of `frame`, or -1 outside the clip.
  __device__ int64_t ShiftedTo(int64_t frame, int64_t of_half) const {
    const int64_t step = ReadsNext(of_half) ? -1 : 1;
    return InClip(TimeOf(frame) + step) ? frame + step : -1;
  }

  // Where channel `channel` is in y.
  __device__ int64_t Interleaved(int64_t channel) const {
    const int64_t start = channel < half ? 0 : half;
    const int64_t inside = channel - start;
    return start + (inside < quarter ? 2 * inside : 2 * (inside - quarter) + 1);
  }

  // F, which is one on both parts where it is not learned.
  __device__ Real<T> ShiftedWeight(int64_t frame, int64_t channel) const {
    return fusion ? fusion_weight[frame * processed + channel] : Real<T>(1);
  }
  __device__ Real<T> ResidualWeight(int64_t frame, int64_t channel) const {
    return fusion ? Real<T>(1) - fusion_weight[frame * processed + channel] : Real<T>(1);
  }

  __device__ Real<T> InverseDeviation(int64_t channel) const {
    return Real<T>(1) / sqrt(variance[channel] + epsilon);
  }
};

template <typename T>
Problem<T> MakeProblem(const void* x, const gsf_gate_shift_fuse_weights& weights,
                       const gsf_gate_shift_fuse_saved& saved,
                       const gsf_gate_shift_fuse_shape& shape) {
  using R = Real<T>;
  Problem<T> problem;
  problem.num_frames = shape.num_frames;
  problem.num_segments = shape.num_segments;
  problem.height = shape.height;
  problem.width = shape.width;
  problem.pixels = shape.height * shape.width;
  problem.channels = shape.channels;
  problem.processed = shape.processed;
  problem.half = shape.processed / 2;
  problem.quarter = shape.processed / 4;
  problem.epsilon = static_cast<R>(shape.epsilon);
  problem.training = shape.training != 0;
  problem.fusion = shape.learned_fusion != 0;
  problem.causal = shape.causal != 0;
  problem.x = static_cast<const T*>(x);
  problem.gamma = static_cast<const R*>(weights.gamma);
  problem.beta = static_cast<const R*>(weights.beta);
  problem.gate_kernel = static_cast<const R*>(weights.gate_kernel);
  problem.gate_bias = static_cast<const R*>(weights.gate_bias);
  problem.fusion_kernel = static_cast<const R*>(weights.fusion_kernel);
  problem.fusion_bias = static_cast<const R*>(weights.fusion_bias);
  problem.mean = static_cast<R*>(saved.mean);
  problem.variance = static_cast<R*>(saved.variance);
  problem.gate = static_cast<R*>(saved.gate);
  problem.means = static_cast<R*>(saved.means);
  problem.fusion_weight = static_cast<R*>(saved.fusion);
  return problem;
}

inline bool IsEmpty(const gsf_gate_shift_fuse_shape& shape) {
  return shape.num_frames == 0 || shape.height == 0 || shape.width == 0;
}

// Pairs of channels that fit in one block, as a pass in place needs.
constexpr int kMaxPairs = kThreads;

// Parts that the rows of a group (a frame, or all frames) are in.
inline int64_t RowChunks(int64_t groups, int64_t rows, int64_t channels) {
  const int64_t blocks = groups * CeilDiv(channels, 32);
  return std::max<int64_t>(1, std::min(kEnoughBlocks / blocks, CeilDiv(rows, 32)));
}

// Sums K products over the rows of every group. `term(group, row, channel, values)` gives them
// for V channels of one row. `partials` is [chunks, groups, K, channels].
template <int K, int V, typename R, typename Term>
__global__ void __launch_bounds__(kThreads)
    RowSumsKernel(Term term, R* __restrict__ partials, int64_t groups, int64_t rows,
                  int64_t chunk_rows, int64_t channels) {
  __shared__ R sums[K * V][kThreads];
  const int thread = threadIdx.x + blockDim.x * threadIdx.y;
  const int64_t channel = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * V;
  const int64_t first = blockIdx.y * chunk_rows;
  const int64_t last = first + chunk_rows < rows ? first + chunk_rows : rows;
  for (int64_t group = blockIdx.z; group < groups; group += gridDim.z) {
    R sum[K][V] = {};
    if (channel < channels) {
      for (int64_t row = first + threadIdx.y; row < last; row += blockDim.y) {
        R values[K][V];
        term(group, row, channel, values);
#pragma unroll
        for (int k = 0; k < K; ++k) {
#pragma unroll
          for (int v = 0; v < V; ++v) sum[k][v] += values[k][v];
        }
      }
    }
    for (int k = 0; k < K; ++k) {
      for (int v = 0; v < V; ++v) sums[k * V + v][thread] = sum[k][v];
    }
    for (int step = kThreads / 2; step > 0; step /= 2) {
      __syncthreads();
      if (threadIdx.y < step && threadIdx.y + step < blockDim.y) {
        for (int i = 0; i < K * V; ++i) sums[i][thread] += sums[i][thread + step * blockDim.x];
      }
    }
    if (threadIdx.y == 0 && channel < channels) {
      for (int i = 0; i < K * V; ++i) {
        partials[((blockIdx.y * groups + group) * K + i / V) * channels + channel + i % V] =
            sums[i][thread];
      }
    }
    __syncthreads();
  }
}

template <int K, int V, typename R, typename Term>
int LaunchRowSums(const Term& term, R* partials, int64_t groups, int64_t rows, int64_t channels,
                  cudaStream_t stream) {
  const int64_t across = std::min<int64_t>(32, channels / V);
  const dim3 threads(static_cast<unsigned>(across), static_cast<unsigned>(kThreads / across));
  const dim3 grid(static_cast<unsigned>(CeilDiv(channels / V, across)),
                  static_cast<unsigned>(RowChunks(groups, rows, channels)),
                  GridSize(groups, kMaxGridY));
  RowSumsKernel<K, V, R, Term>
      <<<grid, threads, 0, stream>>>(term, partials, groups, rows, CeilDiv(rows, grid.y), channels);
  return cudaGetLastError();
}

// The sum over chunks of what RowSumsKernel wrote, by one thread.
template <typename R>
__device__ double SumChunks(const R* partials, int64_t chunks, int64_t stride, int64_t at) {
  double sum = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    sum += static_cast<double>(partials[chunk * stride + at]);
  }
  return sum;
}

// Copies the channels that are not processed, unless in place.
template <typename T>
int CopyOtherChannels(const T* source, T* target, const gsf_gate_shift_fuse_shape& shape,
                      cudaStream_t stream) {
  if (source == target || shape.processed == shape.channels) return cudaSuccess;
  const size_t pitch = shape.channels * sizeof(T);
  return cudaMemcpy2DAsync(target + shape.processed, pitch, source + shape.processed, pitch,
                           (shape.channels - shape.processed) * sizeof(T),
                           shape.num_frames * shape.height * shape.width, cudaMemcpyDeviceToDevice,
                           stream);
}

// Calls `function` with 2 where two neighboring channels can be read at once, else with 1. An
// element of float64 is wide enough by itself.
template <typename T, typename Function>
int WithLanes(const Problem<T>& problem, Function function) {
  if constexpr (sizeof(T) < 8) {
    if (problem.channels % 2 == 0 && IsAligned(problem.x, 2 * sizeof(T))) {
      return function(std::integral_constant<int, 2>{});
    }
  }
  return function(std::integral_constant<int, 1>{});
}

// Parts of the forward pass's workspace.
struct ForwardBuffers {
  int64_t statistics_chunks, means_chunks, bytes;
  void* statistics;
  void* planes;
  void* means;
  void* copy;  // of x, where one block cannot work in place
};

// Enqueues what writes the mean, the variance and the gate.
template <typename T>
int LaunchGate(const Problem<T>& problem, const gsf_gate_shift_fuse_weights& weights,
               const ForwardBuffers& buffers, cudaStream_t stream);

}  // namespace gsf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_H_
