// What the CUDA kernels of the flow share. A block works on one position, its threads on the
// displacements of the window.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CUDA_MOTION_FLOW_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CUDA_MOTION_FLOW_H_

#include <type_traits>

#include "custom_ops/kernels/cuda_elements.h"
#include "custom_ops/kernels/motion_flow.h"

namespace gsf {
namespace motion_flow {

constexpr int kThreads = 256;

struct Sizes {
  explicit Sizes(const gsf_motion_flow_shape& shape)
      : positions(shape.num_frames * shape.height * shape.width),
        frame(shape.height * shape.width),
        segments(shape.num_segments),
        height(shape.height),
        width(shape.width),
        channels(shape.channels),
        window(static_cast<int>(shape.window)),
        reach(static_cast<int>(shape.window / 2)) {}

  __device__ __forceinline__ bool IsInMap(int64_t h, int64_t w) const {
    return h >= 0 && h < height && w >= 0 && w < width;
  }
  __device__ __forceinline__ bool IsLastOfClip(int64_t f) const {
    return Remainder(f, segments) == segments - 1;
  }
  // Where number `kind` of a position is in what was saved; its frame is not the last of a clip.
  __device__ __forceinline__ int64_t SavedAt(int64_t f, int64_t h, int64_t w, int kind) const {
    const int64_t pair = f - Quotient(f, segments);
    return ((pair * height + h) * GSF_MOTION_FLOW_SAVED + kind) * width + w;
  }

  int64_t positions, frame, segments, height, width, channels;
  int window, reach;
};

enum Saved { kConfidence, kBestY, kBestX, kTotal, kFlowX, kFlowY };

template <typename R>
struct Softmax {
  explicit Softmax(const gsf_motion_flow_shape& shape)
      : temperature(static_cast<R>(shape.temperature)),
        // So narrow a Gaussian is 1 at the maximum and 0 elsewhere.
        exponent(static_cast<R>(std::max(-0.5 / (shape.sigma * shape.sigma), -1e30))) {}

  __device__ __forceinline__ R Gaussian(R y, R x) const { return exp((y * y + x * x) * exponent); }
  __device__ __forceinline__ R Weight(R gaussian, R correlation, R confidence) const {
    return exp(temperature * (gaussian * correlation - confidence));
  }

  R temperature, exponent;
};

// The correlation of two positions, which are counted over all frames; `inverse` has 1 / length.
template <int V, typename T>
__device__ __forceinline__ Real<T> Correlation(const T* __restrict__ x,
                                               const Real<T>* __restrict__ inverse, int64_t one,
                                               int64_t other, int64_t channels) {
  using R = Real<T>;
  const R scale = inverse[one], other_scale = inverse[other];
  const T* const row = x + one * channels;
  const T* const other_row = x + other * channels;
  R sum = 0;
  for (int64_t c = 0; c < channels; c += V) {
    R values[V], other_values[V];
    Load<V>(row + c, values);
    Load<V>(other_row + c, other_values);
#pragma unroll
    for (int v = 0; v < V; ++v) sum += (values[v] * scale) * (other_values[v] * other_scale);
  }
  // A NaN is not below zero and passes.
  return sum < 0 ? R(0) : sum;
}

// Adds up kCount numbers of each thread of a block, always in the same order; every thread gets the
// sums.
template <int kCount, typename R>
__device__ void SumBlock(R* values, int thread) {
  __shared__ R sums[kCount][kThreads];
  for (int i = 0; i < kCount; ++i) sums[i][thread] = values[i];
  __syncthreads();
  for (int step = kThreads / 2; step > 0; step /= 2) {
    if (thread < step) {
      for (int i = 0; i < kCount; ++i) sums[i][thread] += sums[i][thread + step];
    }
    __syncthreads();
  }
  for (int i = 0; i < kCount; ++i) values[i] = sums[i][0];
  __syncthreads();  // The caller may add up others.
}

// Writes 1 / length of every position.
template <typename T>
int LaunchLengths(const void* x, Real<T>* inverse, const Sizes& sizes, cudaStream_t stream);

// Calls function(lanes) with the number of channels that are read at once.
template <typename T, typename Function>
int WithLanes(const Sizes& sizes, const void* x, Function function) {
  constexpr int kMost = sizeof(T) == 8 ? 1 : 4;
  if (sizes.channels % kMost == 0 && IsAligned(x, kMost * sizeof(T))) {
    return function(std::integral_constant<int, kMost>());
  }
  return function(std::integral_constant<int, 1>());
}

inline bool IsEmpty(const gsf_motion_flow_shape& shape) {
  return shape.num_frames == 0 || shape.height == 0 || shape.width == 0;
}

}  // namespace motion_flow
}  // namespace gsf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CUDA_MOTION_FLOW_H_
