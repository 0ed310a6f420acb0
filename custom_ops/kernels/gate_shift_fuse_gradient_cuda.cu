// The gradient reads x and the gradient of y once for F, once for the gate and once for the
// gradient of x, and x once more for the gate's kernel.
#include <utility>

#include "custom_ops/kernels/cuda_gate_shift_fuse_gradient.h"

namespace gsf {
namespace {

// dL/dF at one pixel.
template <typename T>
struct FusionTerm {
  Problem<T> problem;
  const T* y_gradient;

  __device__ void operator()(int64_t frame, int64_t pixel, int64_t channel,
                             Real<T> (&values)[1][1]) const {
    using R = Real<T>;
    const int64_t half = channel < problem.half ? 0 : 1;
    const int64_t row = frame * problem.pixels + pixel;
    const int64_t shifted = problem.ShiftedFrom(frame, half);
    const R x = static_cast<R>(problem.x[row * problem.channels + channel]);
    R difference = problem.gate[row * 2 + half] * x - x;
    if (shifted >= 0) {
      const int64_t from = row + (shifted - frame) * problem.pixels;
      difference += problem.gate[from * 2 + half] *
                    static_cast<R>(problem.x[from * problem.channels + channel]);
    }
    values[0][0] =
        difference *
        static_cast<R>(y_gradient[row * problem.channels + problem.Interleaved(channel)]);
  }
};

// Back through the sigmoid, equation (8).
template <typename T>
__global__ void ActivationKernel(Problem<T> problem, const Real<T>* __restrict__ partials,
                                 int64_t chunks, Real<T>* __restrict__ activation) {
  const int64_t count = problem.num_frames * problem.processed;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const Real<T> weight = problem.fusion_weight[i];
  activation[i] =
      static_cast<Real<T>>(SumChunks(partials, chunks, count, i)) * weight * (Real<T>(1) - weight);
}

// Back through the convolution of equation (7) to the means, and through those to any pixel.
template <typename T>
__global__ void MeansGradientKernel(Problem<T> problem, const Real<T>* __restrict__ activation,
                                    Real<T>* __restrict__ means) {
  using R = Real<T>;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= problem.num_frames * problem.processed) return;
  const int64_t frame = i / problem.processed;
  const int64_t half = i % problem.processed / problem.half;
  const int64_t channel = i % problem.half;
  const int64_t t = problem.TimeOf(frame);
  R shifted = R(0), residual = R(0);
  for (int along = 0; along < 3; ++along) {
    const int64_t other = channel - (along - 1);
    if (other < 0 || other >= problem.half) continue;
    for (int time = 0; time < 3; ++time) {
      const int step = problem.TapStep(time);
      if (!problem.InClip(t - step)) continue;
      const R upstream =
          activation[(frame - step) * problem.processed + half * problem.half + other];
      const R* const kernel = problem.fusion_kernel + ((half * 3 + along) * 3 + time) * 2;
      shifted += kernel[0] * upstream;
      residual += kernel[1] * upstream;
    }
  }
  const int64_t at = frame * 2 * problem.processed + half * problem.half + channel;
  means[at] = shifted / static_cast<R>(problem.pixels);
  means[at + problem.processed] = residual / static_cast<R>(problem.pixels);
}

// A block sums one element of the fusion kernels, 36 of them, or of their biases, 2.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    FusionKernelGradientKernel(Problem<T> problem, const Real<T>* __restrict__ activation,
                               Real<T>* __restrict__ kernel, Real<T>* __restrict__ bias) {
  constexpr int kElements = 36;
  __shared__ double sums[kThreads];
  const int element = blockIdx.x;
  const bool of_bias = element >= kElements;
  const int part = of_bias ? 0 : element % 2;
  const int step = of_bias ? 0 : problem.TapStep(element / 2 % 3);
  const int along = of_bias ? 1 : element / 6 % 3;
  const int half = of_bias ? element - kElements : element / 18;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < problem.num_frames * problem.half; i += kThreads) {
    const int64_t frame = i / problem.half;
    const int64_t channel = i % problem.half;
    const int64_t other = channel + along - 1;
    if (!problem.InClip(problem.TimeOf(frame) + step)) continue;
    if (other < 0 || other >= problem.half) continue;
    const int64_t start = half * problem.half;
    double product = static_cast<double>(activation[frame * problem.processed + start + channel]);
    if (!of_bias) {
      product *= static_cast<double>(
          problem.means[((frame + step) * 2 + part) * problem.processed + start + other]);
    }
    sum += product;
  }
  sums[threadIdx.x] = sum;
  for (int step = kThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (threadIdx.x < step) sums[threadIdx.x] += sums[threadIdx.x + step];
  }
  if (threadIdx.x != 0) return;
  (of_bias ? bias[half] : kernel[element]) = static_cast<Real<T>>(sums[0]);
}

constexpr int kGateLanes = 32;
constexpr int kGateRows = kThreads / kGateLanes;

// The gate's gradient, before the tanh: a row of lanes sums over the channels of one half of a
// pixel.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    GateGradientKernel(Problem<T> problem, Gradients<T> gradients) {
  using R = Real<T>;
  __shared__ R sums[kGateRows][kGateLanes];
  const int64_t items = problem.num_frames * problem.pixels * 2;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kGateRows; first < items;
       first += static_cast<int64_t>(gridDim.x) * kGateRows) {
    const int64_t item = first + threadIdx.y;
    R sum = R(0);
    if (item < items) {
      const int64_t half = item % 2;
      const int64_t row = item / 2;
      const int64_t frame = Quotient(row, problem.pixels);
      const int64_t reader = problem.ShiftedTo(frame, half);
      const T* const own = gradients.y + row * problem.channels + half * problem.half;
      const T* const moved =
          reader < 0 ? own : own + (reader - frame) * problem.pixels * problem.channels;
      for (int64_t i = threadIdx.x; i < problem.half; i += kGateLanes) {
        // Position i of y's half, so that its gradients are read in order.
        const int64_t channel = half * problem.half + i / 2 + i % 2 * problem.quarter;
        const Parts<T> parts(problem, gradients, frame, reader, channel, static_cast<R>(moved[i]),
                             static_cast<R>(own[i]));
        sum += parts.of_gated * static_cast<R>(problem.x[row * problem.channels + channel]);
      }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    for (int step = kGateLanes / 2; step > 0; step /= 2) {
      __syncthreads();
      if (threadIdx.x < step) {
        sums[threadIdx.y][threadIdx.x] += sums[threadIdx.y][threadIdx.x + step];
      }
    }
    if (threadIdx.x == 0 && item < items) {
      const R gate = problem.gate[item];
      gradients.gate[item] = sums[threadIdx.y][0] * (R(1) - gate * gate);
    }
    __syncthreads();
  }
}

template <typename T>
GradientBuffers Divide(const gsf_gate_shift_fuse_shape& shape, void* base) {
  using R = Real<T>;
  const int64_t pixels = shape.height * shape.width;
  const int64_t rows = shape.num_frames * pixels;
  const int64_t row_channels = shape.num_frames * shape.processed;
  Workspace workspace(base);
  GradientBuffers buffers = {};
  if (shape.learned_fusion) {
    buffers.fusion_chunks = RowChunks(shape.num_frames, pixels, shape.processed);
    buffers.fusion = workspace.Take<R>(buffers.fusion_chunks * row_channels);
    buffers.activation = workspace.Take<R>(row_channels);
    buffers.means = workspace.Take<R>(2 * row_channels);
  }
  buffers.gate = workspace.Take<R>(rows * 2);
  buffers.convolution_chunks = RowChunks(1, rows, shape.processed);
  buffers.convolution = workspace.Take<R>(buffers.convolution_chunks * kColumns * shape.processed);
  if (shape.processed / 4 > kMaxPairs) {
    buffers.copy = workspace.Take<T>(rows * shape.channels);
  }
  buffers.bytes = workspace.bytes();
  return buffers;
}

template <typename T>
int LaunchFusionGradient(const Problem<T>& problem, const Gradients<T>& gradients,
                         const gsf_gate_shift_fuse_gradients& results,
                         const GradientBuffers& buffers, cudaStream_t stream) {
  using R = Real<T>;
  R* const partials = static_cast<R*>(buffers.fusion);
  const int sums_error =
      LaunchRowSums<1, 1>(FusionTerm<T>{problem, gradients.y}, partials, problem.num_frames,
                          problem.pixels, problem.processed, stream);
  if (sums_error != cudaSuccess) return sums_error;
  const unsigned blocks =
      GridSize(CeilDiv(problem.num_frames * problem.processed, kThreads), kMaxGridX);
  ActivationKernel<T><<<blocks, kThreads, 0, stream>>>(problem, partials, buffers.fusion_chunks,
                                                       gradients.activation);
  cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  MeansGradientKernel<T>
      <<<blocks, kThreads, 0, stream>>>(problem, gradients.activation, gradients.means);
  error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  FusionKernelGradientKernel<T><<<38, kThreads, 0, stream>>>(problem, gradients.activation,
                                                             static_cast<R*>(results.fusion_kernel),
                                                             static_cast<R*>(results.fusion_bias));
  return cudaGetLastError();
}

template <typename T>
int LaunchGateGradient(const Problem<T>& problem, const Gradients<T>& gradients,
                       cudaStream_t stream) {
  const int64_t items = problem.num_frames * problem.pixels * 2;
  GateGradientKernel<T>
      <<<GridSize(CeilDiv(items, kGateRows), kMaxGridX), dim3(kGateLanes, kGateRows), 0, stream>>>(
          problem, gradients);
  return cudaGetLastError();
}

template <typename T>
int Backward(const void* x, const gsf_gate_shift_fuse_weights& weights,
             const gsf_gate_shift_fuse_saved& saved, const void* y_gradient, void* x_gradient,
             const gsf_gate_shift_fuse_gradients& results, void* workspace,
             const gsf_gate_shift_fuse_shape& shape, cudaStream_t stream) {
  using R = Real<T>;
  const Problem<T> problem = MakeProblem<T>(x, weights, saved, shape);
  const GradientBuffers buffers = Divide<T>(shape, workspace);
  Gradients<T> gradients;
  gradients.y = static_cast<const T*>(y_gradient);
  gradients.x = static_cast<T*>(x_gradient);
  gradients.gamma = static_cast<R*>(results.gamma);
  gradients.beta = static_cast<R*>(results.beta);
  gradients.activation = static_cast<R*>(buffers.activation);
  gradients.means = static_cast<R*>(buffers.means);
  gradients.gate = static_cast<R*>(buffers.gate);
  int error = cudaSuccess;
  if (problem.fusion) {
    error = LaunchFusionGradient(problem, gradients, results, buffers, stream);
    if (error != cudaSuccess) return error;
  }
  error = LaunchGateGradient(problem, gradients, stream);
  if (error != cudaSuccess) return error;
  error = LaunchWeightGradients(problem, gradients, results, buffers, stream);
  if (error != cudaSuccess) return error;
  const T* upstream = gradients.y;
  if (gradients.y == gradients.x && buffers.copy != nullptr) {
    const size_t bytes = problem.num_frames * problem.pixels * problem.channels * sizeof(T);
    error = cudaMemcpyAsync(buffers.copy, y_gradient, bytes, cudaMemcpyDeviceToDevice, stream);
    if (error != cudaSuccess) return error;
    upstream = static_cast<const T*>(buffers.copy);
  }
  error = LaunchInputGradient(problem, gradients, upstream, stream);
  if (error != cudaSuccess) return error;
  return CopyOtherChannels(gradients.y, gradients.x, shape, stream);
}

template <typename R>
int ZeroGradients(const gsf_gate_shift_fuse_gradients& results,
                  const gsf_gate_shift_fuse_shape& shape, cudaStream_t stream) {
  const std::pair<void*, int64_t> arrays[] = {
      {results.gamma, shape.processed},
      {results.beta, shape.processed},
      {results.gate_kernel, kGateTaps * shape.processed},
      {results.gate_bias, 2},
      {results.fusion_kernel, shape.learned_fusion ? 36 : 0},
      {results.fusion_bias, shape.learned_fusion ? 2 : 0},
  };
  for (const auto& [array, count] : arrays) {
    if (count == 0) continue;
    const cudaError_t error = cudaMemsetAsync(array, 0, count * sizeof(R), stream);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace gsf

int64_t gsf_gate_shift_fuse_gradient_workspace_cuda(const gsf_gate_shift_fuse_shape* shape) {
  if (gsf::IsEmpty(*shape)) return 0;
  if (shape->dtype == GSF_FLOAT64) return gsf::Divide<double>(*shape, nullptr).bytes;
  if (shape->dtype == GSF_FLOAT32) return gsf::Divide<float>(*shape, nullptr).bytes;
  return gsf::Divide<__half>(*shape, nullptr).bytes;
}

int gsf_gate_shift_fuse_gradient_cuda(const void* x, const gsf_gate_shift_fuse_weights* weights,
                                      const gsf_gate_shift_fuse_saved* saved,
                                      const void* y_gradient, void* x_gradient,
                                      const gsf_gate_shift_fuse_gradients* gradients,
                                      void* workspace, const gsf_gate_shift_fuse_shape* shape,
                                      void* stream) {
  const cudaStream_t cuda_stream = static_cast<cudaStream_t>(stream);
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    using T = decltype(element);
    if (gsf::IsEmpty(*shape)) {
      return gsf::ZeroGradients<gsf::Real<T>>(*gradients, *shape, cuda_stream);
    }
    return gsf::Backward<T>(x, *weights, *saved, y_gradient, x_gradient, *gradients, workspace,
                            *shape, cuda_stream);
  });
}
