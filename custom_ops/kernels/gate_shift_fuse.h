// Gate-Shift-Fuse and Gate-Shift (GSF paper, section 3.1, equations (1)-(10)), channels last, time
// folded into the batch.
//
// On the first P = `processed` of the C channels of x [N, H, W, C], in halves of P / 2:
//   a     = ReLU(gamma (x - mean) / sqrt(variance + epsilon) + beta)
//   gate  = tanh(bias + 3x3x3 convolution of a over (time, height, width), zeros outside)  (1)
//   Y     = gate x, R = x - Y                                                             (2)-(4)
//   S     = Y of frame t + 1 in half 1, of frame t - 1 in half 2, zero beyond the clip    (5), (6)
//   F     = sigmoid(bias + 3x3 convolution of the spatial means of (S, R) over the plane
//           (channel of the half, time), zeros outside)                                   (7), (8)
//   Z     = F S + (1 - F) R, or S + R without learned fusion                              (9), (10)
//   y[2 i + j] = Z[j n + i] inside each half, n = P / 4; channels from P on are those of x.
// In training, mean and variance (biased) are those of the batch. The causal form reads no later
// frame: both convolutions over time are centered on frame t - 1, and S is Y of frame t - 1 in both
// halves.
//
// "real" is float32, float64 where x is float64.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_H_

#include <stdint.h>

#include "custom_ops/kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t num_frames;    // N = clips * num_segments
  int64_t num_segments;  // frames per clip
  int64_t height;
  int64_t width;
  int64_t channels;   // C
  int64_t processed;  // P, a positive multiple of 4, at most C
  double epsilon;
  int32_t training;        // 1: statistics of the batch, and their gradient
  int32_t learned_fusion;  // 0: Z = S + R
  int32_t causal;          // 1: no frame reads a later one
  int32_t dtype;           // gsf_dtype of x, y and their gradients
} gsf_gate_shift_fuse_shape;

// All "real", trained or moved.
typedef struct {
  const void* gamma;          // [P]
  const void* beta;           // [P]
  const void* mean;           // [P], moving; not read in training
  const void* variance;       // [P], moving; not read in training
  const void* gate_kernel;    // [3, 3, 3, P / 2, 2]: time, height, width, channel, half
  const void* gate_bias;      // [2]
  const void* fusion_kernel;  // [2, 3, 3, 2]: half, channel, time, (S, R); null without fusion
  const void* fusion_bias;    // [2]; null without fusion
} gsf_gate_shift_fuse_weights;

// All "real"; written by the forward pass, read by the gradient.
typedef struct {
  void* mean;      // [P], as used
  void* variance;  // [P], as used
  void* gate;      // [N, H, W, 2]
  void* means;     // [N, 2, P]: spatial means of S and R; null without learned fusion
  void* fusion;    // [N, P]: F; null without learned fusion
} gsf_gate_shift_fuse_saved;

// All "real".
typedef struct {
  void* gamma;
  void* beta;
  void* gate_kernel;
  void* gate_bias;
  void* fusion_kernel;  // null without learned fusion
  void* fusion_bias;    // null without learned fusion
} gsf_gate_shift_fuse_gradients;

// On the CPU the work is a sequence of passes, each divided into units: calls on disjoint ranges of
// a pass may run at the same time, a pass starts when the one before has ended. What a unit
// computes does not depend on the range that it is in, so neither do the results. y may be x
// itself, and x_gradient may be y_gradient itself, as below. No tensor may be empty. `workspace` is
// aligned to 64 bytes.
enum {
  GSF_GATE_SHIFT_FUSE_PASSES = 7,
  GSF_GATE_SHIFT_FUSE_GRADIENT_PASSES = 7,
};
typedef struct {
  int64_t units;        // zero where the pass has nothing to do
  int64_t unit_cycles;  // about what one costs
} gsf_pass;

typedef struct {
  const void* x;
  void* y;
  gsf_gate_shift_fuse_weights weights;
  gsf_gate_shift_fuse_saved saved;
  void* workspace;
} gsf_gate_shift_fuse_tensors;
int64_t gsf_gate_shift_fuse_workspace_cpu(const gsf_gate_shift_fuse_shape* shape);
gsf_pass gsf_gate_shift_fuse_pass_cpu(const gsf_gate_shift_fuse_shape* shape, int pass);
void gsf_gate_shift_fuse_cpu(const gsf_gate_shift_fuse_tensors* tensors,
                             const gsf_gate_shift_fuse_shape* shape, int pass, int64_t first_unit,
                             int64_t last_unit);

typedef struct {
  const void* x;
  const void* y_gradient;
  void* x_gradient;
  gsf_gate_shift_fuse_weights weights;
  gsf_gate_shift_fuse_saved saved;
  gsf_gate_shift_fuse_gradients gradients;
  void* workspace;
} gsf_gate_shift_fuse_gradient_tensors;
int64_t gsf_gate_shift_fuse_gradient_workspace_cpu(const gsf_gate_shift_fuse_shape* shape);
gsf_pass gsf_gate_shift_fuse_gradient_pass_cpu(const gsf_gate_shift_fuse_shape* shape, int pass);
void gsf_gate_shift_fuse_gradient_cpu(const gsf_gate_shift_fuse_gradient_tensors* tensors,
                                      const gsf_gate_shift_fuse_shape* shape, int pass,
                                      int64_t first_unit, int64_t last_unit);

// Both enqueue on `stream` (a cudaStream_t) and return the cudaError_t of the launches. The structs
// are on the host, what they point to is on the device. y may be x itself, and x_gradient may be
// y_gradient itself (what lies from channel P on is then left alone). `workspace` has the bytes
// that the function of its name says.
int64_t gsf_gate_shift_fuse_workspace_cuda(const gsf_gate_shift_fuse_shape* shape);
int gsf_gate_shift_fuse_cuda(const void* x, const gsf_gate_shift_fuse_weights* weights, void* y,
                             const gsf_gate_shift_fuse_saved* saved, void* workspace,
                             const gsf_gate_shift_fuse_shape* shape, void* stream);
int64_t gsf_gate_shift_fuse_gradient_workspace_cuda(const gsf_gate_shift_fuse_shape* shape);
int gsf_gate_shift_fuse_gradient_cuda(const void* x, const gsf_gate_shift_fuse_weights* weights,
                                      const gsf_gate_shift_fuse_saved* saved,
                                      const void* y_gradient, void* x_gradient,
                                      const gsf_gate_shift_fuse_gradients* gradients,
                                      void* workspace, const gsf_gate_shift_fuse_shape* shape,
                                      void* stream);

#ifdef __cplusplus
}
#endif

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_GATE_SHIFT_FUSE_H_
