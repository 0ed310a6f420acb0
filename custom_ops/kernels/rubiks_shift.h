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

// On the CPU a plan is made from the values of the shift; it serves any number of calls, from any
// threads. `gradient` says whether it is for the gradient too.
typedef struct gsf_rubiks_shift_plan gsf_rubiks_shift_plan;
gsf_rubiks_shift_plan* gsf_rubiks_shift_new_plan_cpu(const void* shift,
                                                     const gsf_rubiks_shift_shape* shape,
                                                     int32_t gradient);
void gsf_rubiks_shift_delete_plan_cpu(gsf_rubiks_shift_plan* plan);

// Computes the units of work [first, last) out of gsf_rubiks_shift_units_cpu; every element of y
// belongs to one of them. Calls on disjoint ranges may run at the same time.
int64_t gsf_rubiks_shift_units_cpu(const gsf_rubiks_shift_plan* plan);
void gsf_rubiks_shift_cpu(const void* x, void* y, const gsf_rubiks_shift_plan* plan, int64_t first,
                          int64_t last);

// The gradient, likewise. Each unit writes its part of x_gradient and its own sums into
// `partial_sums`, which has gsf_rubiks_shift_gradient_sums_cpu elements. When all units are done,
// gsf_rubiks_shift_add_sums_cpu adds these in one order, so the result has the same bits whatever
// the ranges were.
int64_t gsf_rubiks_shift_gradient_units_cpu(const gsf_rubiks_shift_plan* plan);
int64_t gsf_rubiks_shift_gradient_sums_cpu(const gsf_rubiks_shift_plan* plan);
void gsf_rubiks_shift_gradient_cpu(const void* x, const void* y_gradient, void* x_gradient,
                                   double* partial_sums, const gsf_rubiks_shift_plan* plan,
                                   int64_t first, int64_t last);
void gsf_rubiks_shift_add_sums_cpu(const double* partial_sums, void* shift_gradient,
                                   const gsf_rubiks_shift_plan* plan);

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
