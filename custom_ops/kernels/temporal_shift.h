// Temporal shift of the channels of a clip, channels last, time folded into the batch.
//
// A tensor [B * num_segments, ..., C] is seen as rows of C elements, one row per pixel. In frame t
// of its clip, the first `fold` elements of a row come from frame t + 1, the next `fold` from frame
// t - 1, the rest from frame t; beyond the ends of the clip the source is zero. `reverse` swaps the
// two directions, which is the adjoint. In the causal form the first `fold` elements stay too, so
// that no frame reads a later one. Elements are only moved, so sizes are given in bytes and the
// kernels serve every data type.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_TEMPORAL_SHIFT_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_TEMPORAL_SHIFT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t num_frames;      // B * num_segments
  int64_t num_segments;    // frames per clip
  int64_t rows_per_frame;  // pixels per frame
  int64_t row_bytes;       // C * element size
  int64_t fold_bytes;      // fold * element size, at most row_bytes / 2
  int32_t reverse;
  int32_t causal;
} gsf_temporal_shift_shape;

// Writes the output rows [first_row, last_row) out of num_frames * rows_per_frame. Calls on
// disjoint ranges may run at the same time. `input` and `output` must not overlap.
void gsf_temporal_shift_cpu(const void* input, void* output, const gsf_temporal_shift_shape* shape,
                            int64_t first_row, int64_t last_row);

// Enqueues the whole shift on `stream` (a cudaStream_t) and returns the cudaError_t of the launch.
int gsf_temporal_shift_cuda(const void* input, void* output, const gsf_temporal_shift_shape* shape,
                            void* stream);

// The text of an error returned by a CUDA kernel's launcher.
const char* gsf_cuda_error_string(int error);

#ifdef __cplusplus
}
#endif

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_TEMPORAL_SHIFT_H_
