// The gradient reads x and the gradient of y once for F, once for the gate and once for the
// gradient of x, and x once more for the gate's kernel. The 27 gradients of the gate around a pixel
// are gathered in shared memory, once for all channels of a block.
#include <utility>

#include "custom_ops/kernels/cuda_gate_shift_fuse.h"

namespace gsf {
namespace {

constexpr int kGathered = kGateTaps + 1;  // a multiple of four, for wide reads
constexpr int kCenter = kGateTaps / 2;
// Sums per channel: the gate's taps, gamma, beta, the gate's bias.
constexpr int kColumns = kGateTaps + 3;

template <typename T>
struct Gradients {
  const T* y;           // in
  T* x;                 // out; may be y
  Real<T>* gamma;       // out
  Real<T>* beta;        // out
  Real<T>* activation;  // [N, P] of the fusion convolution's result, before the sigmoid
  Real<T>* means;       // [N, 2, P], divided by the pixels
  Real<T>* gate;        // [N, H, W, 2], before the tanh
};

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
      if (t - (time - 1) < 0 || t - (time - 1) >= problem.num_segments) continue;
      const R upstream =
          activation[(frame - (time - 1)) * problem.processed + half * problem.half + other];
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
  const int time = of_bias ? 1 : element / 2 % 3;
  const int along = of_bias ? 1 : element / 6 % 3;
  const int half = of_bias ? element - kElements : element / 18;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < problem.num_frames * problem.half; i += kThreads) {
    const int64_t frame = i / problem.half;
    const int64_t channel = i % problem.half;
    const int64_t t = problem.TimeOf(frame) + time - 1;
    const int64_t other = channel + along - 1;
    if (t < 0 || t >= problem.num_segments || other < 0 || other >= problem.half) continue;
    const int64_t start = half * problem.half;
    double product = static_cast<double>(activation[frame * problem.processed + start + channel]);
    if (!of_bias) {
      product *= static_cast<double>(
          problem.means[((frame + time - 1) * 2 + part) * problem.processed + start + other]);
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

// The gradient of Y that comes through S of the frame that reads it, and the negative one through
// R, for one element of them. `moved` and `own` are the gradients of Z there.
template <typename T>
struct Parts {
  Real<T> of_gated, of_residual;

  __device__ Parts(const Problem<T>& problem, const Gradients<T>& gradients, int64_t frame,
                   int64_t reader, int64_t channel, Real<T> moved, Real<T> own) {
    const int64_t processed = problem.processed;
    of_residual = problem.ResidualWeight(frame, channel) * own;
    if (problem.fusion) of_residual += gradients.means[(frame * 2 + 1) * processed + channel];
    of_gated = -of_residual;
    if (reader < 0) return;
    of_gated += problem.ShiftedWeight(reader, channel) * moved;
    if (problem.fusion) of_gated += gradients.means[reader * 2 * processed + channel];
  }
};

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

// A pixel of a frame.
struct Site {
  int64_t frame, t, h, w;
};

template <typename T>
__device__ Site FindSite(const Problem<T>& problem, int64_t frame, int64_t pixel) {
  const int64_t h = Quotient(pixel, problem.width);
  return {frame, problem.TimeOf(frame), h, pixel - h * problem.width};
}

// The gate's gradient to which the activation at `site` contributed through `tap`.
template <typename T>
__device__ Real<T> GateGradientAt(const Problem<T>& problem, const Real<T>* gate_gradient,
                                  const Site& site, int64_t half, int tap) {
  const int time = tap / 9 - 1;
  const int64_t t = site.t - time;
  const int64_t h = site.h - (tap / 3 % 3 - 1);
  const int64_t w = site.w - (tap % 3 - 1);
  if (t < 0 || t >= problem.num_segments || h < 0 || h >= problem.height || w < 0 ||
      w >= problem.width) {
    return Real<T>(0);
  }
  return gate_gradient[((site.frame - time) * problem.pixels + h * problem.width + w) * 2 + half];
}

// What batch normalisation and ReLU do to one channel, and back.
template <typename T>
struct Normalization {
  Real<T> mean, deviation, gamma, beta;  // `deviation` is the inverse

  __device__ Normalization() : mean(0), deviation(0), gamma(0), beta(0) {}
  __device__ Normalization(const Problem<T>& problem, int64_t channel)
      : mean(problem.mean[channel]),
        deviation(problem.InverseDeviation(channel)),
        gamma(problem.gamma[channel]),
        beta(problem.beta[channel]) {}

  // As the forward pass computes it, so that both agree on what is rectified.
  __device__ Real<T> Activation(Real<T> x) const {
    const Real<T> scale = gamma * deviation;
    const Real<T> value = scale * x + (beta - scale * mean);
    return value < Real<T>(0) ? Real<T>(0) : value;
  }
};

constexpr int kRowsAtOnce = 32;

// The sums over pixels that the gradients of the gate's kernel and bias, of gamma and of beta are
// made of. A thread has one channel and keeps its 27 weights and 27 sums in registers. `partials`
// is [chunks, kColumns, P].
template <typename T>
__global__ void __launch_bounds__(kThreads)
    ConvolutionGradientKernel(Problem<T> problem, Gradients<T> gradients,
                              Real<T>* __restrict__ partials) {
  using R = Real<T>;
  __shared__ R gathered[kRowsAtOnce][kGathered];
  __shared__ Site sites[kRowsAtOnce];
  __shared__ R sums[kThreads];
  const int thread = threadIdx.x + blockDim.x * threadIdx.y;
  const int threads = blockDim.x * blockDim.y;
  const int64_t half = blockIdx.z;
  const int64_t inside = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const bool used = inside < problem.half;
  const int64_t channel = half * problem.half + inside;
  R weights[kGateTaps] = {}, products[kGateTaps] = {};
  R of_gamma = R(0), of_beta = R(0), of_bias = R(0);
  Normalization<T> normalization;
  if (used) {
    normalization = Normalization<T>(problem, channel);
#pragma unroll
    for (int tap = 0; tap < kGateTaps; ++tap) {
      weights[tap] = problem.gate_kernel[(tap * problem.half + inside) * 2 + half];
    }
  }
  const int64_t rows = problem.num_frames * problem.pixels;
  const int64_t chunk_rows = (rows + gridDim.y - 1) / gridDim.y;
  const int64_t begin = blockIdx.y * chunk_rows;
  const int64_t end = begin + chunk_rows < rows ? begin + chunk_rows : rows;
  for (int64_t first = begin; first < end; first += kRowsAtOnce) {
    const int count = static_cast<int>(end - first < kRowsAtOnce ? end - first : kRowsAtOnce);
    __syncthreads();
    for (int i = thread; i < count; i += threads) {
      const int64_t frame = Quotient(first + i, problem.pixels);
      sites[i] = FindSite(problem, frame, first + i - frame * problem.pixels);
    }
    __syncthreads();
    for (int i = thread; i < count * kGateTaps; i += threads) {
      gathered[i / kGateTaps][i % kGateTaps] =
          GateGradientAt(problem, gradients.gate, sites[i / kGateTaps], half, i % kGateTaps);
    }
    __syncthreads();
    if (!used) continue;
    for (int r = threadIdx.y; r < count; r += blockDim.y) {
      const R x = static_cast<R>(problem.x[(first + r) * problem.channels + channel]);
      const R activation = normalization.Activation(x);
      R back = R(0);
#pragma unroll
      for (int tap = 0; tap < kGateTaps; ++tap) {
        const R upstream = gathered[r][tap];
        back += weights[tap] * upstream;
        products[tap] += activation * upstream;
      }
      of_bias += gathered[r][kCenter];
      if (activation > R(0)) {
        of_beta += back;
        of_gamma += back * (x - normalization.mean) * normalization.deviation;
      }
    }
  }
#pragma unroll
  for (int k = 0; k < kColumns; ++k) {
    __syncthreads();
    sums[thread] = k < kGateTaps        ? products[k < kGateTaps ? k : 0]
                   : k == kGateTaps     ? of_gamma
                   : k == kGateTaps + 1 ? of_beta
                                        : of_bias;
    __syncthreads();
    if (threadIdx.y != 0 || !used) continue;
    R sum = R(0);
    for (int lane = 0; lane < blockDim.y; ++lane) sum += sums[thread + lane * blockDim.x];
    partials[(blockIdx.y * kColumns + k) * problem.processed + channel] = sum;
  }
}

template <typename T>
__global__ void WeightGradientsKernel(Problem<T> problem, const Real<T>* __restrict__ partials,
                                      int64_t chunks, Gradients<T> gradients,
                                      Real<T>* __restrict__ gate_kernel,
                                      Real<T>* __restrict__ gate_bias) {
  const int64_t columns = kColumns * problem.processed;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kSumColumns + threadIdx.x;
  const Real<T> sum = static_cast<Real<T>>(SumRows(partials, chunks, columns, column));
  if (threadIdx.y != 0 || column >= columns) return;
  const int64_t row = column / problem.processed;
  const int64_t channel = column % problem.processed;
  const int64_t half = channel / problem.half;
  if (row < kGateTaps) {
    gate_kernel[(row * problem.half + channel % problem.half) * 2 + half] = sum;
  } else if (row == kGateTaps) {
    gradients.gamma[channel] = sum;
  } else if (row == kGateTaps + 1) {
    gradients.beta[channel] = sum;
  } else if (channel % problem.half == 0) {
    gate_bias[half] = sum;
  }
}

constexpr int kMaxItems = 32;  // pixels and halves per block

// The gradient of x. A thread has pairs of channels that are neighbours in y; otherwise as
// FuseKernel, so that it may work in place.
template <typename T>
__global__ void __launch_bounds__(kMaxPairs)
    InputGradientKernel(Problem<T> problem, Gradients<T> gradients, const T* y_gradient) {
  using R = Real<T>;
  __shared__ R gathered[kMaxItems][kGathered];
  __shared__ Site sites[kMaxItems];
  const int thread = threadIdx.x + blockDim.x * threadIdx.y;
  const int threads = blockDim.x * blockDim.y;
  const int64_t count = problem.num_frames * problem.pixels;
  const int64_t columns = problem.num_frames / problem.num_segments * problem.pixels;
  const int64_t half = blockIdx.y;
  const int64_t frame_elements = problem.pixels * problem.channels;
  for (int64_t pair0 = 0; pair0 < problem.quarter; pair0 += blockDim.x) {
    const int64_t pair = pair0 + threadIdx.x;
    const int64_t channel = half * problem.half + pair;
    R weights[2][kGateTaps] = {};
    Normalization<T> normalization[2];
    R mean_beta[2] = {}, mean_gamma[2] = {};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      if (pair >= problem.quarter) continue;
      const int64_t source = channel + j * problem.quarter;
      normalization[j] = Normalization<T>(problem, source);
      if (problem.training) {
        mean_beta[j] = gradients.beta[source] / static_cast<R>(count);
        mean_gamma[j] = gradients.gamma[source] / static_cast<R>(count);
      }
#pragma unroll
      for (int tap = 0; tap < kGateTaps; ++tap) {
        weights[j][tap] =
            problem.gate_kernel[(tap * problem.half + source - half * problem.half) * 2 + half];
      }
    }
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.y; first < columns;
         first += static_cast<int64_t>(gridDim.x) * blockDim.y) {
      const int64_t column = first + threadIdx.y;
      const bool used = column < columns && pair < problem.quarter;
      const int64_t clip = Quotient(column, problem.pixels);
      const int64_t pixel = column - clip * problem.pixels;
      const int64_t first_frame = clip * problem.num_segments;
      const int64_t row = first_frame * problem.pixels + pixel;
      const T* const from = y_gradient + row * problem.channels + half * problem.half + 2 * pair;
      __syncthreads();
      if (threadIdx.x == 0) sites[threadIdx.y] = FindSite(problem, first_frame, pixel);
      R upstream[3][2] = {};  // of frames t - 1, t, t + 1
      for (int64_t t = -1; t < problem.num_segments; ++t) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          upstream[0][j] = upstream[1][j];
          upstream[1][j] = upstream[2][j];
          if (used && t + 1 < problem.num_segments) {
            upstream[2][j] = static_cast<R>(from[(t + 1) * frame_elements + j]);
          }
        }
        __syncthreads();
        if (t < 0) continue;
        for (int i = thread; i < static_cast<int>(blockDim.y) * kGateTaps; i += threads) {
          Site site = sites[i / kGateTaps];
          site.frame += t;
          site.t += t;
          if (first + i / kGateTaps >= columns) continue;
          gathered[i / kGateTaps][i % kGateTaps] =
              GateGradientAt(problem, gradients.gate, site, half, i % kGateTaps);
        }
        __syncthreads();
        if (!used) continue;
        const int64_t frame = first_frame + t;
        const int64_t here = row + t * problem.pixels;
        const int64_t reader = problem.ShiftedTo(frame, half);
        const R gate = problem.gate[here * 2 + half];
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const int64_t source = channel + j * problem.quarter;
          const int64_t at = here * problem.channels + source;
          const R x = static_cast<R>(problem.x[at]);
          const Parts<T> parts(problem, gradients, frame, reader, source,
                               half == 0 ? upstream[0][j] : upstream[2][j], upstream[1][j]);
          R back = R(0);
#pragma unroll
          for (int tap = 0; tap < kGateTaps; ++tap) {
            back += weights[j][tap] * gathered[threadIdx.y][tap];
          }
          const Normalization<T>& normal = normalization[j];
          if (!(normal.Activation(x) > R(0))) back = R(0);
          back -= mean_beta[j] + (x - normal.mean) * normal.deviation * mean_gamma[j];
          gradients.x[at] = static_cast<T>(parts.of_residual + gate * parts.of_gated +
                                           normal.gamma * normal.deviation * back);
        }
      }
    }
  }
}

struct Buffers {
  int64_t fusion_chunks, convolution_chunks, bytes;
  void *fusion, *activation, *means, *gate, *convolution;
  void* copy;  // of the gradient of y, where one block cannot work in place
};

template <typename T>
Buffers Divide(const gsf_gate_shift_fuse_shape& shape, void* base) {
  using R = Real<T>;
  const int64_t pixels = shape.height * shape.width;
  const int64_t rows = shape.num_frames * pixels;
  const int64_t row_channels = shape.num_frames * shape.processed;
  Workspace workspace(base);
  Buffers buffers = {};
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
                         const gsf_gate_shift_fuse_gradients& results, const Buffers& buffers,
                         cudaStream_t stream) {
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
                       const gsf_gate_shift_fuse_gradients& results, const Buffers& buffers,
                       cudaStream_t stream) {
  using R = Real<T>;
  R* const partials = static_cast<R*>(buffers.convolution);
  const int64_t items = problem.num_frames * problem.pixels * 2;
  GateGradientKernel<T>
      <<<GridSize(CeilDiv(items, kGateRows), kMaxGridX), dim3(kGateLanes, kGateRows), 0, stream>>>(
          problem, gradients);
  cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  const int64_t across = std::min<int64_t>(problem.half, 64);
  const dim3 threads(static_cast<unsigned>(across), static_cast<unsigned>(kThreads / across));
  const dim3 grid(GridSize(CeilDiv(problem.half, across), kMaxGridX),
                  static_cast<unsigned>(buffers.convolution_chunks), 2);
  ConvolutionGradientKernel<T><<<grid, threads, 0, stream>>>(problem, gradients, partials);
  error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  WeightGradientsKernel<T>
      <<<GridSize(CeilDiv(kColumns * problem.processed, kSumColumns), kMaxGridX),
         dim3(kSumColumns, kSumLanes), 0, stream>>>(problem, partials, buffers.convolution_chunks,
                                                    gradients, static_cast<R*>(results.gate_kernel),
                                                    static_cast<R*>(results.gate_bias));
  return cudaGetLastError();
}

template <typename T>
int LaunchInputGradient(const Problem<T>& problem, const Gradients<T>& gradients,
                        const T* y_gradient, cudaStream_t stream) {
  const int64_t across = std::min<int64_t>(problem.quarter, kMaxPairs);
  const int64_t down = std::min<int64_t>(kMaxItems, std::max<int64_t>(1, kThreads / across));
  const int64_t columns = problem.num_frames / problem.num_segments * problem.pixels;
  const dim3 grid(GridSize(CeilDiv(columns, down), kMaxGridX), 2);
  const dim3 threads(static_cast<unsigned>(across), static_cast<unsigned>(down));
  InputGradientKernel<T><<<grid, threads, 0, stream>>>(problem, gradients, y_gradient);
  return cudaGetLastError();
}

template <typename T>
int Backward(const void* x, const gsf_gate_shift_fuse_weights& weights,
             const gsf_gate_shift_fuse_saved& saved, const void* y_gradient, void* x_gradient,
             const gsf_gate_shift_fuse_gradients& results, void* workspace,
             const gsf_gate_shift_fuse_shape& shape, cudaStream_t stream) {
  using R = Real<T>;
  const Problem<T> problem = MakeProblem<T>(x, weights, saved, shape);
  const Buffers buffers = Divide<T>(shape, workspace);
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
  error = LaunchGateGradient(problem, gradients, results, buffers, stream);
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
