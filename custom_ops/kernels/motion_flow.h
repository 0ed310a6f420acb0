// The flow between neighboring frames (MotionSqueeze, section 3.2), channels last, time folded into
// the batch. With v = x / sqrt(sum(x^2) + 1e-6), c(d) = max(v_t[p] . v_{t+1}[p + d], 0) for the
// displacements d of a window, d* the first of the largest and g(d) = exp(-|d - d*|^2 / (2
// sigma^2)),
//
//   w(d) = exp(temperature * (g(d) c(d) - c(d*))),  y = (sum w(d) d / (reach sum w(d)), c(d*))
//
// with reach = window / 2. Positions outside of the map are zeros. The last frame of a clip has
// what the frame before it has.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_H_

#include <stdint.h>

#include "custom_ops/kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

// Numbers that the forward direction saves per position of a frame but the last of a clip: c(d*),
// d* (y, x), the sum of w(d), and the flow (x, y).
#define GSF_MOTION_FLOW_SAVED 6

typedef struct {
  int64_t num_frames;    // B * num_segments
  int64_t num_segments;  // frames per clip, at least 2
  int64_t height;
  int64_t width;
  int64_t channels;  // at least 1
  int64_t window;    // displacements in each direction, odd
  double sigma;
  double temperature;
  int32_t dtype;  // gsf_dtype of x, y and their gradients
} gsf_motion_flow_shape;

// On the CPU the work is num_frames * height rows; [first, last) is a range of them. First comes
// the normalization of all rows, into a workspace of so many bytes; then calls on disjoint ranges
// may run at the same time, and the result has the same bits whatever the ranges were. A call needs
// memory for the correlations of as many positions as a vector has elements; that of the gradient
// also for what was saved of the rows of a window. `saved` is
// [num_frames / num_segments * (num_segments - 1), height, GSF_MOTION_FLOW_SAVED, width] in
// float32, or in float64 if x is.
int64_t gsf_motion_flow_workspace_cpu(const gsf_motion_flow_shape* shape);
void gsf_motion_flow_normalize_cpu(const void* x, void* workspace,
                                   const gsf_motion_flow_shape* shape, int64_t first, int64_t last);
void gsf_motion_flow_cpu(const void* workspace, void* y, void* saved,
                         const gsf_motion_flow_shape* shape, int64_t first, int64_t last);
void gsf_motion_flow_gradient_cpu(const void* workspace, const void* saved, const void* y_gradient,
                                  void* x_gradient, const gsf_motion_flow_shape* shape,
                                  int64_t first, int64_t last);

// Both enqueue on `stream` (a cudaStream_t) and return the cudaError_t of the launches. All
// pointers are device pointers. `saved` is as on the CPU; a workspace has the bytes that its
// function says.
int64_t gsf_motion_flow_workspace_cuda(const gsf_motion_flow_shape* shape);
int gsf_motion_flow_cuda(const void* x, void* y, void* saved, void* workspace,
                         const gsf_motion_flow_shape* shape, void* stream);
int64_t gsf_motion_flow_gradient_workspace_cuda(const gsf_motion_flow_shape* shape);
int gsf_motion_flow_gradient_cuda(const void* x, const void* saved, const void* y_gradient,
                                  void* x_gradient, void* workspace,
                                  const gsf_motion_flow_shape* shape, void* stream);

#ifdef __cplusplus
}
#endif

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_MOTION_FLOW_H_
