// Back through the gate's convolution, to its weights and to x. The 27 gradients of the gate around
// a pixel are gathered in shared memory, once for all channels of a block.
#include "custom_ops/kernels/cuda_gate_shift_fuse_gradient.h"

namespace gsf {
namespace {

constexpr int kGathered = kGateTaps + 1;  // a multiple of four, for wide reads
constexpr int kCenter = 4;                // of the nine taps in space
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
  const int step = problem.TapStep(tap / 9);
  const int64_t h = site.h - (tap / 3 % 3 - 1);
  const int64_t w = site.w - (tap % 3 - 1);
  if (!problem.InClip(site.t - step) || h < 0 || h >= problem.height || w < 0 ||
      w >= problem.width) {
    return Real<T>(0);
  }
  return gate_gradient[((site.frame - step) * problem.pixels + h * problem.width + w) * 2 + half];
}

// What batch normalization and ReLU do to one channel, and back.
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
                              Real<T>* __restrict__ partials, int64_t chunk_rows) {
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
  const int64_t begin = blockIdx.y * chunk_rows;
  const int64_t end = begin + chunk_rows < rows ? begin + chunk_rows : rows;
  // The tap through which a pixel contributes to its own gate.
  const int own_tap = (problem.causal ? 18 : 9) + kCenter;
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
      of_bias += gathered[r][own_tap];
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

// The gradient of x. A thread has pairs of channels that are neighbors in y; otherwise as
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
                               problem.ReadsNext(half) ? upstream[0][j] : upstream[2][j],
                               upstream[1][j]);
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

}  // namespace

template <typename T>
int LaunchWeightGradients(const Problem<T>& problem, const Gradients<T>& gradients,
                          const gsf_gate_shift_fuse_gradients& results,
                          const GradientBuffers& buffers, cudaStream_t stream) {
  using R = Real<T>;
  R* const partials = static_cast<R*>(buffers.convolution);
  const int64_t across = std::min<int64_t>(problem.half, 64);
  const dim3 threads(static_cast<unsigned>(across), static_cast<unsigned>(kThreads / across));
  const dim3 grid(GridSize(CeilDiv(problem.half, across), kMaxGridX),
                  static_cast<unsigned>(buffers.convolution_chunks), 2);
  ConvolutionGradientKernel<T><<<grid, threads, 0, stream>>>(
      problem, gradients, partials, CeilDiv(problem.num_frames * problem.pixels, grid.y));
  const cudaError_t error = cudaGetLastError();
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

#define INSTANTIATE(T)                                                                  \
  template int LaunchWeightGradients<T>(const Problem<T>&, const Gradients<T>&,         \
                                        const gsf_gate_shift_fuse_gradients&,           \
                                        const GradientBuffers&, cudaStream_t);          \
  template int LaunchInputGradient<T>(const Problem<T>&, const Gradients<T>&, const T*, \
                                      cudaStream_t);

INSTANTIATE(float)
INSTANTIATE(__nv_bfloat16)
INSTANTIATE(__half)
INSTANTIATE(double)

#undef INSTANTIATE

}  // namespace gsf
