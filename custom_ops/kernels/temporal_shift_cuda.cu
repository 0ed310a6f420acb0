#include <cuda_runtime.h>

#include <algorithm>

#include "custom_ops/kernels/temporal_shift.h"

namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxGridX = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxGridY = 65535;

// `Position` counts the vectors of one frame: 32 bits make the division cheap, 64 serve every size.
template <typename Vector, typename Position>
__global__ void TemporalShiftKernel(const Vector* __restrict__ input, Vector* __restrict__ output,
                                    int64_t num_frames, int64_t num_segments,
                                    Position frame_vectors, Position row_vectors,
                                    Position fold_vectors, bool reverse, bool causal) {
  const Position stride = static_cast<Position>(gridDim.x) * blockDim.x;
  for (int64_t frame = blockIdx.y; frame < num_frames; frame += gridDim.y) {
    const int64_t t = frame % num_segments;
    const Vector* source = input + frame * static_cast<int64_t>(frame_vectors);
    Vector* target = output + frame * static_cast<int64_t>(frame_vectors);
    for (Position i = static_cast<Position>(blockIdx.x) * blockDim.x + threadIdx.x;
         i < frame_vectors; i += stride) {
      const Position channel = i % row_vectors;
      int step = 0;
      if (channel < fold_vectors) {
        step = causal ? 0 : reverse ? -1 : 1;
      } else if (channel - fold_vectors < fold_vectors) {
        step = reverse ? 1 : -1;
      }
      Vector value = {};
      if (t + step >= 0 && t + step < num_segments) {
        value = source[step * static_cast<int64_t>(frame_vectors) + static_cast<int64_t>(i)];
      }
      target[i] = value;
    }
  }
}

template <typename Vector, typename Position>
cudaError_t Launch(const void* input, void* output, const gsf_temporal_shift_shape& shape,
                   cudaStream_t stream) {
  constexpr int64_t kVectorBytes = sizeof(Vector);
  const int64_t row_vectors = shape.row_bytes / kVectorBytes;
  const int64_t frame_vectors = shape.rows_per_frame * row_vectors;
  const dim3 grid(
      static_cast<unsigned>(std::min((frame_vectors + kThreads - 1) / kThreads, kMaxGridX)),
      static_cast<unsigned>(std::min(shape.num_frames, kMaxGridY)));
  TemporalShiftKernel<Vector, Position><<<grid, kThreads, 0, stream>>>(
      static_cast<const Vector*>(input), static_cast<Vector*>(output), shape.num_frames,
      shape.num_segments, static_cast<Position>(frame_vectors), static_cast<Position>(row_vectors),
      static_cast<Position>(shape.fold_bytes / kVectorBytes), shape.reverse != 0,
      shape.causal != 0);
  return cudaGetLastError();
}

template <typename Vector>
cudaError_t LaunchForSize(const void* input, void* output, const gsf_temporal_shift_shape& shape,
                          cudaStream_t stream) {
  // Half the range of 32 bits, so that the last step of the grid-stride loop cannot wrap around.
  const bool fits_32_bits = shape.rows_per_frame * shape.row_bytes < (int64_t{1} << 31);
  return fits_32_bits ? Launch<Vector, uint32_t>(input, output, shape, stream)
                      : Launch<Vector, uint64_t>(input, output, shape, stream);
}

}  // namespace

int gsf_temporal_shift_cuda(const void* input, void* output, const gsf_temporal_shift_shape* shape,
                            void* stream) {
  if (shape->num_frames == 0 || shape->rows_per_frame == 0 || shape->row_bytes == 0) {
    return cudaSuccess;
  }
  const uint64_t alignment = reinterpret_cast<uint64_t>(input) |
                             reinterpret_cast<uint64_t>(output) | shape->row_bytes |
                             shape->fold_bytes;
  const cudaStream_t cuda_stream = static_cast<cudaStream_t>(stream);
  if (alignment % 16 == 0) return LaunchForSize<uint4>(input, output, *shape, cuda_stream);
  if (alignment % 8 == 0) return LaunchForSize<uint2>(input, output, *shape, cuda_stream);
  if (alignment % 4 == 0) return LaunchForSize<uint32_t>(input, output, *shape, cuda_stream);
  if (alignment % 2 == 0) return LaunchForSize<uint16_t>(input, output, *shape, cuda_stream);
  return LaunchForSize<uint8_t>(input, output, *shape, cuda_stream);
}

const char* gsf_cuda_error_string(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}
