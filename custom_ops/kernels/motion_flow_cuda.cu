#include "custom_ops/kernels/cuda_motion_flow.h"

namespace gsf {
namespace motion_flow {
namespace {

// Inside the root of the length, as in the authors' code.
constexpr double kEpsilon = 1e-6;
constexpr int kLengthLanes = 32;
constexpr int kLengthRows = 8;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    LengthsKernel(const T* __restrict__ x, Real<T>* __restrict__ inverse, Sizes s) {
  using R = Real<T>;
  __shared__ R sums[kLengthRows][kLengthLanes];
  const int64_t blocks = (s.positions + kLengthRows - 1) / kLengthRows;
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const int64_t position = block * kLengthRows + threadIdx.y;
    R sum = 0;
    if (position < s.positions) {
      for (int64_t c = threadIdx.x; c < s.channels; c += kLengthLanes) {
        const R value = static_cast<R>(x[position * s.channels + c]);
        sum += value * value;
      }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0 && position < s.positions) {
      for (int lane = 1; lane < kLengthLanes; ++lane) sum += sums[threadIdx.y][lane];
      inverse[position] = 1 / sqrt(sum + static_cast<R>(kEpsilon));
    }
    __syncthreads();
  }
}

// The largest of the threads' correlations and its displacement, the first where several are equal.
template <typename R>
__device__ void BestOfBlock(R* confidence, int* place, int thread) {
  __shared__ R largest[kThreads];
  __shared__ int places[kThreads];
  largest[thread] = *confidence;
  places[thread] = *place;
  __syncthreads();
  for (int step = kThreads / 2; step > 0; step /= 2) {
    if (thread < step) {
      const R other = largest[thread + step];
      const int at = places[thread + step];
      if (other > largest[thread] || (other == largest[thread] && at < places[thread])) {
        largest[thread] = other;
        places[thread] = at;
      }
    }
    __syncthreads();
  }
  *confidence = largest[0];
  *place = places[0];
  __syncthreads();
}

template <int V, typename T>
__global__ void __launch_bounds__(kThreads)
    FlowKernel(const T* __restrict__ x, const Real<T>* __restrict__ inverse, T* __restrict__ y,
               Real<T>* __restrict__ saved, Sizes s, Softmax<Real<T>> softmax) {
  using R = Real<T>;
  const int thread = threadIdx.x;
  const int displacements = s.window * s.window;
  for (int64_t position = blockIdx.x; position < s.positions; position += gridDim.x) {
    const int64_t f = Quotient(position, s.frame);
    if (s.IsLastOfClip(f)) continue;
    const int64_t pixel = position - f * s.frame;
    const int64_t h = Quotient(pixel, s.width), w = pixel - h * s.width;
    const auto correlation = [&](int d) -> R {
      const int64_t to_h = h + d / s.window - s.reach, to_w = w + d % s.window - s.reach;
      if (!s.IsInMap(to_h, to_w)) return 0;
      const int64_t other = (f + 1) * s.frame + to_h * s.width + to_w;
      return Correlation<V>(x, inverse, position, other, s.channels);
    };
    R first = 0, confidence = -1;
    int place = 0;
    for (int d = thread; d < displacements; d += kThreads) {
      const R found = correlation(d);
      if (d == thread) first = found;
      if (found > confidence) {
        confidence = found;
        place = d;
      }
    }
    BestOfBlock(&confidence, &place, thread);
    const R best_y = place / s.window - s.reach, best_x = place % s.window - s.reach;
    R sums[3] = {};
    for (int d = thread; d < displacements; d += kThreads) {
      const R found = d == thread ? first : correlation(d);
      const R dy = d / s.window - s.reach, dx = d % s.window - s.reach;
      const R gaussian = softmax.Gaussian(best_y - dy, best_x - dx);
      const R weight = softmax.Weight(gaussian, found, confidence);
      sums[0] += weight;
      sums[1] += weight * dx;
      sums[2] += weight * dy;
    }
    SumBlock<3>(sums, thread);
    if (thread != 0) continue;
    const R scale = sums[0] * s.reach;
    // A NaN among the correlations is one of the sum; the comparisons did not see it.
    confidence += sums[0] - sums[0];
    const R numbers[] = {confidence, best_y, best_x, sums[0], sums[1] / scale, sums[2] / scale};
    for (int kind = 0; kind < GSF_MOTION_FLOW_SAVED; ++kind) {
      saved[s.SavedAt(f, h, w, kind)] = numbers[kind];
    }
    for (int copy = 0; copy < (s.IsLastOfClip(f + 1) ? 2 : 1); ++copy) {
      T* const target = y + (position + copy * s.frame) * 3;
      target[0] = static_cast<T>(numbers[kFlowX]);
      target[1] = static_cast<T>(numbers[kFlowY]);
      target[2] = static_cast<T>(confidence);
    }
  }
}

}  // namespace

template <typename T>
int LaunchLengths(const void* x, Real<T>* inverse, const Sizes& sizes, cudaStream_t stream) {
  const dim3 threads(kLengthLanes, kLengthRows);
  const dim3 grid(GridSize(CeilDiv(sizes.positions, kLengthRows), kMaxGridX));
  LengthsKernel<T><<<grid, threads, 0, stream>>>(static_cast<const T*>(x), inverse, sizes);
  return cudaGetLastError();
}

template int LaunchLengths<float>(const void*, float*, const Sizes&, cudaStream_t);
template int LaunchLengths<__nv_bfloat16>(const void*, float*, const Sizes&, cudaStream_t);
template int LaunchLengths<__half>(const void*, float*, const Sizes&, cudaStream_t);
template int LaunchLengths<double>(const void*, double*, const Sizes&, cudaStream_t);

template <typename T>
int LaunchFlow(const void* x, void* y, void* saved, void* workspace,
               const gsf_motion_flow_shape& shape, cudaStream_t stream) {
  using R = Real<T>;
  const Sizes sizes(shape);
  R* const inverse = Workspace(workspace).Take<R>(sizes.positions);
  const int error = LaunchLengths<T>(x, inverse, sizes, stream);
  if (error != cudaSuccess) return error;
  return WithLanes<T>(sizes, x, [&](auto lanes) -> int {
    constexpr int kLanes = decltype(lanes)::value;
    const Softmax<R> softmax(shape);
    const dim3 grid(GridSize(sizes.positions, kMaxGridX));
    FlowKernel<kLanes, T><<<grid, kThreads, 0, stream>>>(static_cast<const T*>(x), inverse,
                                                         static_cast<T*>(y), static_cast<R*>(saved),
                                                         sizes, softmax);
    return cudaGetLastError();
  });
}

}  // namespace motion_flow
}  // namespace gsf

int64_t gsf_motion_flow_workspace_cuda(const gsf_motion_flow_shape* shape) {
  gsf::Workspace workspace(nullptr);
  const int64_t positions = gsf::motion_flow::Sizes(*shape).positions;
  if (shape->dtype == GSF_FLOAT64) {
    workspace.Take<double>(positions);
  } else {
    workspace.Take<float>(positions);
  }
  return workspace.bytes();
}

int gsf_motion_flow_cuda(const void* x, void* y, void* saved, void* workspace,
                         const gsf_motion_flow_shape* shape, void* stream) {
  if (gsf::motion_flow::IsEmpty(*shape)) return cudaSuccess;
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::motion_flow::LaunchFlow<decltype(element)>(x, y, saved, workspace, *shape,
                                                           static_cast<cudaStream_t>(stream));
  });
}
