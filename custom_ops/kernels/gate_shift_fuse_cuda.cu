// The forward pass reads x once for the gate, once for the spatial means and once for y, and, in
// training, once for the statistics. What lies between is [N, H, W, 6] numbers at most.
#include "custom_ops/kernels/cuda_gate_shift_fuse.h"

namespace gsf {
namespace {

// x and Y.
template <typename T, int V>
struct MeansTerm {
  Problem<T> problem;

  __device__ void operator()(int64_t frame, int64_t pixel, int64_t channel,
                             Real<T> (&values)[2][V]) const {
    const int64_t row = frame * problem.pixels + pixel;
    Load<V>(problem.x + row * problem.channels + channel, values[0]);
    const Real<T> gate = problem.gate[row * 2 + (channel < problem.half ? 0 : 1)];
#pragma unroll
    for (int v = 0; v < V; ++v) values[1][v] = gate * values[0][v];
  }
};

// The spatial means of S and R.
template <typename T>
__global__ void MeansKernel(Problem<T> problem, const Real<T>* __restrict__ partials,
                            int64_t chunks) {
  using R = Real<T>;
  const int64_t count = problem.num_frames * problem.processed;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int64_t frame = i / problem.processed;
  const int64_t channel = i % problem.processed;
  const int64_t shifted = problem.ShiftedFrom(frame, channel < problem.half ? 0 : 1);
  const int64_t stride = 2 * count;
  const int64_t of_x = frame * 2 * problem.processed + channel;
  const double x = SumChunks(partials, chunks, stride, of_x);
  const double gated = SumChunks(partials, chunks, stride, of_x + problem.processed);
  const double moved = shifted < 0 ? 0
                                   : SumChunks(partials, chunks, stride,
                                               (shifted * 2 + 1) * problem.processed + channel);
  problem.means[of_x] = static_cast<R>(moved / problem.pixels);
  problem.means[of_x + problem.processed] = static_cast<R>((x - gated) / problem.pixels);
}

// Equations (7), (8).
template <typename T>
__global__ void FusionKernel(Problem<T> problem) {
  using R = Real<T>;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= problem.num_frames * problem.processed) return;
  const int64_t frame = i / problem.processed;
  const int64_t half = i % problem.processed / problem.half;
  const int64_t channel = i % problem.half;
  const int64_t t = problem.TimeOf(frame);
  R sum = problem.fusion_bias[half];
  for (int along = 0; along < 3; ++along) {
    const int64_t other = channel + along - 1;
    if (other < 0 || other >= problem.half) continue;
    for (int time = 0; time < 3; ++time) {
      const int step = problem.TapStep(time);
      if (!problem.InClip(t + step)) continue;
      const R* const means =
          problem.means + (frame + step) * 2 * problem.processed + half * problem.half + other;
      const R* const kernel = problem.fusion_kernel + ((half * 3 + along) * 3 + time) * 2;
      sum += kernel[0] * means[0] + kernel[1] * means[problem.processed];
    }
  }
  problem.fusion_weight[i] = R(1) / (R(1) + exp(-sum));
}

// Equations (2)-(6), (9), (10) and the interleave. A thread has one pixel, V pairs of channels that
// become neighbors, and walks over the frames. In place, nobody writes frame t before all threads
// of the pixel's half, one block, hold frames t - 1, t and t + 1 in registers.
template <int V, typename T>
__global__ void __launch_bounds__(kMaxPairs) FuseKernel(Problem<T> problem, const T* x, T* y) {
  using R = Real<T>;
  const int64_t clips = problem.num_frames / problem.num_segments;
  const int64_t items = clips * problem.pixels * 2;
  const int64_t frame_elements = problem.pixels * problem.channels;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.y; first < items;
       first += static_cast<int64_t>(gridDim.x) * blockDim.y) {
    const int64_t item = first + threadIdx.y;
    const int64_t half = item % 2;
    const int64_t clip = Quotient(item / 2, problem.pixels);
    const int64_t pixel = item / 2 - clip * problem.pixels;
    const int64_t first_frame = clip * problem.num_segments;
    const bool reads_next = problem.ReadsNext(half);
    for (int64_t pairs = 0; pairs < problem.quarter; pairs += blockDim.x * V) {
      const int64_t pair = pairs + threadIdx.x * V;
      const bool used = item < items && pair < problem.quarter;
      const int64_t start = half * problem.half;
      const int64_t row = first_frame * problem.pixels + pixel;
      const int64_t at = row * problem.channels + start;
      R values[3][2][V] = {};  // frames t - 1, t, t + 1; channels `pair` and `pair` + quarter
      R gates[3] = {};
      for (int64_t t = -1; t < problem.num_segments; ++t) {
        gates[0] = gates[1];
        gates[1] = gates[2];
        gates[2] = R(0);
#pragma unroll
        for (int j = 0; j < 2; ++j) {
#pragma unroll
          for (int v = 0; v < V; ++v) {
            values[0][j][v] = values[1][j][v];
            values[1][j][v] = values[2][j][v];
          }
          if (used && t + 1 < problem.num_segments) {
            Load<V>(x + at + (t + 1) * frame_elements + pair + j * problem.quarter, values[2][j]);
          }
        }
        if (used && t + 1 < problem.num_segments) {
          gates[2] = problem.gate[(row + (t + 1) * problem.pixels) * 2 + half];
        }
        __syncthreads();
        if (t < 0 || !used) continue;
        R result[2 * V];
#pragma unroll
        for (int j = 0; j < 2; ++j) {
#pragma unroll
          for (int v = 0; v < V; ++v) {
            const int64_t channel = start + pair + j * problem.quarter + v;
            const R moved = reads_next ? values[2][j][v] : values[0][j][v];
            const R shifted = (reads_next ? gates[2] : gates[0]) * moved;
            const R residual = values[1][j][v] - gates[1] * values[1][j][v];
            result[2 * v + j] = problem.ShiftedWeight(first_frame + t, channel) * shifted +
                                problem.ResidualWeight(first_frame + t, channel) * residual;
          }
        }
        T* const to = y + at + t * frame_elements + 2 * pair;
        Store<V>(result, to);
        Store<V>(result + V, to + V);
      }
    }
  }
}

template <typename T>
ForwardBuffers Divide(const gsf_gate_shift_fuse_shape& shape, void* base) {
  using R = Real<T>;
  const int64_t pixels = shape.height * shape.width;
  const int64_t rows = shape.num_frames * pixels;
  Workspace workspace(base);
  ForwardBuffers buffers = {};
  if (shape.training) {
    buffers.statistics_chunks = RowChunks(1, rows, shape.processed);
    buffers.statistics = workspace.Take<R>(buffers.statistics_chunks * 2 * shape.processed);
  }
  buffers.planes = workspace.Take<R>(rows * 6);
  if (shape.learned_fusion) {
    buffers.means_chunks = RowChunks(shape.num_frames, pixels, shape.processed);
    buffers.means =
        workspace.Take<R>(buffers.means_chunks * shape.num_frames * 2 * shape.processed);
  }
  if (shape.processed / 4 > kMaxPairs) {
    buffers.copy = workspace.Take<T>(rows * shape.channels);
  }
  buffers.bytes = workspace.bytes();
  return buffers;
}

template <int V, typename T>
int LaunchFusion(const Problem<T>& problem, const ForwardBuffers& buffers, cudaStream_t stream) {
  using R = Real<T>;
  R* const partials = static_cast<R*>(buffers.means);
  const int sums_error = LaunchRowSums<2, V>(MeansTerm<T, V>{problem}, partials, problem.num_frames,
                                             problem.pixels, problem.processed, stream);
  if (sums_error != cudaSuccess) return sums_error;
  const unsigned blocks =
      GridSize(CeilDiv(problem.num_frames * problem.processed, kThreads), kMaxGridX);
  MeansKernel<T><<<blocks, kThreads, 0, stream>>>(problem, partials, buffers.means_chunks);
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) return error;
  FusionKernel<T><<<blocks, kThreads, 0, stream>>>(problem);
  return cudaGetLastError();
}

template <int V, typename T>
int LaunchFuse(const Problem<T>& problem, const T* x, T* y, cudaStream_t stream) {
  const int64_t across = std::min<int64_t>(problem.quarter / V, kMaxPairs);
  const int64_t down = std::max<int64_t>(1, kThreads / across);
  const int64_t items = problem.num_frames / problem.num_segments * problem.pixels * 2;
  FuseKernel<V, T><<<GridSize(CeilDiv(items, down), kMaxGridX),
                     dim3(static_cast<unsigned>(across), static_cast<unsigned>(down)), 0, stream>>>(
      problem, x, y);
  return cudaGetLastError();
}

template <typename T>
int Forward(const void* x, const gsf_gate_shift_fuse_weights& weights, void* y,
            const gsf_gate_shift_fuse_saved& saved, void* workspace,
            const gsf_gate_shift_fuse_shape& shape, cudaStream_t stream) {
  const Problem<T> problem = MakeProblem<T>(x, weights, saved, shape);
  const ForwardBuffers buffers = Divide<T>(shape, workspace);
  int error = LaunchGate(problem, weights, buffers, stream);
  if (error != cudaSuccess) return error;
  if (problem.fusion) {
    error = WithLanes(problem, [&](auto lanes) {
      return LaunchFusion<decltype(lanes)::value>(problem, buffers, stream);
    });
    if (error != cudaSuccess) return error;
  }
  const T* source = problem.x;
  T* const target = static_cast<T*>(y);
  if (x == y && buffers.copy != nullptr) {
    const size_t bytes = problem.num_frames * problem.pixels * problem.channels * sizeof(T);
    error = cudaMemcpyAsync(buffers.copy, x, bytes, cudaMemcpyDeviceToDevice, stream);
    if (error != cudaSuccess) return error;
    source = static_cast<const T*>(buffers.copy);
  }
  const bool pairs = problem.quarter % 2 == 0 && problem.channels % 2 == 0 &&
                     IsAligned(x, 2 * sizeof(T)) && IsAligned(y, 2 * sizeof(T));
  error = pairs ? LaunchFuse<2>(problem, source, target, stream)
                : LaunchFuse<1>(problem, source, target, stream);
  if (error != cudaSuccess) return error;
  return CopyOtherChannels(problem.x, target, shape, stream);
}

}  // namespace
}  // namespace gsf

int64_t gsf_gate_shift_fuse_workspace_cuda(const gsf_gate_shift_fuse_shape* shape) {
  if (gsf::IsEmpty(*shape)) return 0;
  if (shape->dtype == GSF_FLOAT64) return gsf::Divide<double>(*shape, nullptr).bytes;
  if (shape->dtype == GSF_FLOAT32) return gsf::Divide<float>(*shape, nullptr).bytes;
  return gsf::Divide<__half>(*shape, nullptr).bytes;
}

int gsf_gate_shift_fuse_cuda(const void* x, const gsf_gate_shift_fuse_weights* weights, void* y,
                             const gsf_gate_shift_fuse_saved* saved, void* workspace,
                             const gsf_gate_shift_fuse_shape* shape, void* stream) {
  if (gsf::IsEmpty(*shape)) return cudaSuccess;
  return gsf::WithElementType(shape->dtype, [&](auto element) {
    return gsf::Forward<decltype(element)>(x, *weights, y, *saved, workspace, *shape,
                                           static_cast<cudaStream_t>(stream));
  });
}
