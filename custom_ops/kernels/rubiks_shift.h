// RubiksShift (RubiksNet paper, section 3.1, equations (4)-(6)), channels last, time folded into
// the batch.
//
//   y[n, t, h, w, c] = x[n, t * sT + shift[0, c], h * sH + shift[1, c], w * sW + shift[2, c], c]
//
// between elements interpolated trilinearly; every corner outside the clip counts as zero. Output
// lengths are ceil(length / stride). The shift is float32 (float64 where x is float64).

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_H_

#include <stdint.h>

#include "custom_ops/kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t num_clips;
  int64_t num_segments;  // frames per clip; with two rows of shift, clips may have one frame each
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t time_stride;
  int64_t height_stride;
  int64_t width_stride;
  int32_t rows;       // of the shift: 3 (time, vertical, horizontal) or 2 (vertical, horizontal)
  int32_t quantized;  // values move by floor(shift + 0.5); the shift's gradient is not rounded
  int32_t dtype;      // gsf_dtype of x, y and their gradients
} gsf_rubiks_shift_shape;

// Both enqueue on `stream` (a cudaStream_t) and return the cudaError_t of the launches. All
// pointers are device pointers. The gradient writes x_gradient (as x) and shift_gradient (as
// shift); `workspace` has the bytes that gsf_rubiks_shift_workspace_cuda says.
int gsf_rubiks_shift_cuda(const void* x, const void* shift, void* y,
                          const gsf_rubiks_shift_shape* shape, void* stream);
int64_t gsf_rubiks_shift_workspace_cuda(const gsf_rubiks_shift_shape* shape);
int gsf_rubiks_shift_gradient_cuda(const void* x, const void* shift, const void* y_gradient,
                                   void* x_gradient, void* shift_gradient, void* workspace,
                                   const gsf_rubiks_shift_shape* shape, void* stream);

#ifdef __cplusplus
}
#endif

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_H_
