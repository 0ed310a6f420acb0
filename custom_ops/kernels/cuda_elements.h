// What the CUDA kernels share: element types, vectors of elements, workspaces, ordered sums.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CUDA_ELEMENTS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CUDA_ELEMENTS_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

#include <algorithm>

#include "custom_ops/kernels/dtype.h"

namespace gsf {

constexpr int64_t kMaxGridX = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxGridY = 65535;

// The type that sums are in.
template <typename T>
struct RealOf {
  using type = float;
};
template <>
struct RealOf<double> {
  using type = double;
};
template <typename T>
using Real = typename RealOf<T>::type;

template <typename T, int V>
struct alignas(sizeof(T) * V) Vector {
  T lane[V];
};

// Reads V neighbors in one access; `source` is aligned to all of them.
template <int V, typename T>
__device__ __forceinline__ void Load(const T* source, Real<T>* values) {
  const Vector<T, V> vector = *reinterpret_cast<const Vector<T, V>*>(source);
#pragma unroll
  for (int v = 0; v < V; ++v) values[v] = static_cast<Real<T>>(vector.lane[v]);
}

template <int V, typename T>
__device__ __forceinline__ void Store(const Real<T>* values, T* target) {
  Vector<T, V> vector;
#pragma unroll
  for (int v = 0; v < V; ++v) vector.lane[v] = static_cast<T>(values[v]);
  *reinterpret_cast<Vector<T, V>*>(target) = vector;
}

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// a / b of numbers that are not negative; 64-bit division is many times slower.
__device__ __forceinline__ int64_t Quotient(int64_t a, int64_t b) {
  return ((a | b) >> 32) == 0 ? static_cast<uint32_t>(a) / static_cast<uint32_t>(b) : a / b;
}

__device__ __forceinline__ int64_t Remainder(int64_t a, int64_t b) {
  return a - Quotient(a, b) * b;
}

// Blocks along an axis of the grid; kernels loop over what is beyond the limit.
inline unsigned GridSize(int64_t blocks, int64_t limit) {
  return static_cast<unsigned>(std::min(blocks, limit));
}

// Calls `function` with a value of the element type.
template <typename Function>
int WithElementType(int32_t dtype, Function function) {
  switch (dtype) {
    case GSF_FLOAT32:
      return function(float{});
    case GSF_BFLOAT16:
      return function(__nv_bfloat16{});
    case GSF_FLOAT16:
      return function(__half{});
    case GSF_FLOAT64:
      return function(double{});
    default:
      return cudaErrorInvalidValue;
  }
}

inline bool IsAligned(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uint64_t>(pointer) % bytes == 0;
}

// Divides a workspace, or, without one, counts the bytes that it needs.
class Workspace {
 public:
  explicit Workspace(void* base) : base_(static_cast<char*>(base)) {}

  template <typename T>
  T* Take(int64_t count) {
    T* const piece = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += CeilDiv(count * static_cast<int64_t>(sizeof(T)), kAlignment) * kAlignment;
    return piece;
  }

  int64_t bytes() const { return bytes_; }

 private:
  static constexpr int64_t kAlignment = 256;
  char* base_;
  int64_t bytes_ = 0;
};

constexpr int kSumColumns = 32;
constexpr int kSumLanes = 8;

// The sum of column `column` of `partials` [rows, columns], the second stage of every sum over
// pixels. Called by all threads of a block of kSumColumns x kSumLanes; the result is that of the
// threads of lane 0. Always in the same order.
template <typename R>
__device__ double SumRows(const R* partials, int64_t rows, int64_t columns, int64_t column) {
  __shared__ double lanes[kSumLanes][kSumColumns];
  double sum = 0;
  if (column < columns) {
    for (int64_t row = threadIdx.y; row < rows; row += kSumLanes) {
      sum += static_cast<double>(partials[row * columns + column]);
    }
  }
  lanes[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0) {
    for (int lane = 1; lane < kSumLanes; ++lane) sum += lanes[lane][threadIdx.x];
  }
  __syncthreads();  // The caller may sum another column.
  return sum;
}

}  // namespace gsf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CUDA_ELEMENTS_H_
