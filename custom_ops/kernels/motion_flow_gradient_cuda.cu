#include "custom_ops/kernels/cuda_motion_flow.h"

namespace gsf {
namespace motion_flow {
namespace {

constexpr int kColumns = 64;
constexpr int kRows = kThreads / kColumns;

// The gradient of the correlation of position (h, w) of frame `f` with the one that is (dy, dx)
// away in the next frame.
template <typename T>
__device__ Real<T> Slope(Real<T> correlation, const Real<T>* __restrict__ saved,
                         const T* __restrict__ y_gradient, int64_t f, int64_t h, int64_t w, int dy,
                         int dx, const Sizes& s, const Softmax<Real<T>>& softmax) {
  using R = Real<T>;
  if (!(correlation > 0)) return 0;
  R slopes[3] = {};
  for (int copy = 0; copy < (s.IsLastOfClip(f + 1) ? 2 : 1); ++copy) {
    const T* const at = y_gradient + ((f + copy) * s.frame + h * s.width + w) * 3;
    for (int i = 0; i < 3; ++i) slopes[i] += static_cast<R>(at[i]);
  }
  R numbers[GSF_MOTION_FLOW_SAVED];
  for (int kind = 0; kind < GSF_MOTION_FLOW_SAVED; ++kind) {
    numbers[kind] = saved[s.SavedAt(f, h, w, kind)];
  }
  const R gaussian = softmax.Gaussian(numbers[kBestY] - dy, numbers[kBestX] - dx);
  const R weight = softmax.Weight(gaussian, correlation, numbers[kConfidence]);
  const R distance = slopes[0] * (static_cast<R>(dx) / s.reach - numbers[kFlowX]) +
                     slopes[1] * (static_cast<R>(dy) / s.reach - numbers[kFlowY]);
  const R slope = weight / numbers[kTotal] * distance * softmax.temperature * gaussian;
  return numbers[kBestY] == dy && numbers[kBestX] == dx ? slope + slopes[2] : slope;
}

// The gradient of a position's features: its frame is compared with the next one, and the frame
// before it is compared with it. `normalized` takes the gradient of the normalized features.
template <int V, typename T>
__global__ void __launch_bounds__(kThreads)
    FlowGradientKernel(const T* __restrict__ x, const Real<T>* __restrict__ inverse,
                       const Real<T>* __restrict__ saved, const T* __restrict__ y_gradient,
                       T* __restrict__ x_gradient, Real<T>* __restrict__ normalized, Sizes s,
                       Softmax<Real<T>> softmax) {
  using R = Real<T>;
  __shared__ R slopes[kThreads];
  __shared__ int64_t others[kThreads];
  __shared__ R products[kRows][kColumns];
  const int column = threadIdx.x, row = threadIdx.y, thread = row * kColumns + column;
  const int displacements = s.window * s.window;
  for (int64_t position = blockIdx.x; position < s.positions; position += gridDim.x) {
    const int64_t f = Quotient(position, s.frame), pixel = position - f * s.frame;
    const int64_t h = Quotient(pixel, s.width), w = pixel - h * s.width;
    R* const gradient = normalized + position * s.channels;
    // The displacements to the next frame, then those from the frame before.
    for (int begin = 0; begin < 2 * displacements; begin += kThreads) {
      const int left = 2 * displacements - begin, count = left < kThreads ? left : kThreads;
      R slope = 0;
      int64_t other = position;
      const int number = begin + thread;
      const bool is_later = number >= displacements;
      const bool exists = is_later ? Remainder(f, s.segments) > 0 : !s.IsLastOfClip(f);
      if (thread < count && exists) {
        const int d = is_later ? number - displacements : number;
        const int dy = d / s.window - s.reach, dx = d % s.window - s.reach;
        const int64_t other_h = is_later ? h - dy : h + dy, other_w = is_later ? w - dx : w + dx;
        if (s.IsInMap(other_h, other_w)) {
          other = (is_later ? f - 1 : f + 1) * s.frame + other_h * s.width + other_w;
          const R correlation = Correlation<V>(x, inverse, position, other, s.channels);
          slope = is_later ? Slope<T>(correlation, saved, y_gradient, f - 1, other_h, other_w, dy,
                                      dx, s, softmax)
                           : Slope<T>(correlation, saved, y_gradient, f, h, w, dy, dx, s, softmax);
        }
      }
      slopes[thread] = slope * inverse[other];
      others[thread] = other;
      __syncthreads();
      for (int64_t first = 0; first < s.channels; first += kColumns) {
        const int64_t c = first + column;
        R sum = 0;
        if (c < s.channels) {
          for (int i = row; i < count; i += kRows) {
            sum += slopes[i] * static_cast<R>(x[others[i] * s.channels + c]);
          }
        }
        products[row][column] = sum;
        __syncthreads();
        if (row == 0 && c < s.channels) {
          R total = begin == 0 ? R(0) : gradient[c];
          for (int i = 0; i < kRows; ++i) total += products[i][column];
          gradient[c] = total;
        }
        __syncthreads();
      }
    }
    // With v = x / |x|, the gradient of x is (v' - v (v . v')) / |x|.
    const R scale = inverse[position];
    R product[1] = {};
    if (row == 0) {
      for (int64_t c = column; c < s.channels; c += kColumns) {
        product[0] += static_cast<R>(x[position * s.channels + c]) * scale * gradient[c];
      }
    }
    SumBlock<1>(product, thread);
    if (row == 0) {
      for (int64_t c = column; c < s.channels; c += kColumns) {
        const R value = static_cast<R>(x[position * s.channels + c]) * scale;
        x_gradient[position * s.channels + c] =
            static_cast<T>((gradient[c] - value * product[0]) * scale);
      }
    }
  }
}

// Parts of the workspace.
template <typename R>
struct Parts {
  Parts(const Sizes& sizes, void* base) {
    Workspace workspace(base);
    inverse = workspace.Take<R>(sizes.positions);
    normalized = workspace.Take<R>(sizes.positions * sizes.channels);
    bytes = workspace.bytes();
  }
  R *inverse, *normalized;
  int64_t bytes;
};

template <typename T>
int LaunchGradient(const void* x, const void* saved, const void* y_gradient, void* x_gradient,
                   void* workspace, const gsf_motion_flow_shape& shape, cudaStream_t stream) {
  using R = Real<T>;
  const Sizes sizes(shape);
  const Parts<R> parts(sizes, workspace);
  const int error = LaunchLengths<T>(x, parts.inverse, sizes, stream);
  if (error != cudaSuccess) return error;
  return WithLanes<T>(sizes, x, [&](auto lanes) -> int {
    constexpr int kLanes = decltype(lanes)::value;
    const Softmax<R> softmax(shape);
    const dim3 grid(GridSize(sizes.positions, kMaxGridX)), threads(kColumns, kRows);
    FlowGradientKernel<kLanes, T><<<grid, threads, 0, stream>>>(
        static_cast<const T*>(x), parts.inverse, static_cast<const R*>(saved),
        static_cast<const T*>(y_gradient), static_cast<T*>(x_gradient), parts.normalized, sizes,
        softmax);
    return cudaGetLastError();
  });
}

}  // namespace
}  // namespace motion_flow
}  // namespace gsf

int64_t gsf_motion_flow_gradient_workspace_cuda(const gsf_motion_flow_shape* shape) {
  const gsf::motion_flow::Sizes sizes(*shape);
  return shape->dtype == GSF_FLOAT64 ? gsf::motion_flow::Parts<double>(sizes, nullptr).bytes
                                     : gsf::motion_flow::Parts<float>(sizes, nullptr).bytes;
}

int gsf_motion_flow_gradient_cuda(const void* x, const void* saved, const void* y_gradient,
                                  void* x_gradient, void* workspace,
                                  const gsf_motion_flow_shape* shape, void* stream) {
  if (gsf::motion_flow::IsEmpty(*shape)) return cudaSuccess;
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::motion_flow::LaunchGradient<decltype(element)>(
        x, saved, y_gradient, x_gradient, workspace, *shape, static_cast<cudaStream_t>(stream));
  });
}
