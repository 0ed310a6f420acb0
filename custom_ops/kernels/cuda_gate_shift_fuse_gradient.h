// What the kernels of Gate-Shift-Fuse's gradient share.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_GRADIENT_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_GRADIENT_H_

#include "custom_ops/kernels/cuda_gate_shift_fuse.h"

namespace gsf {

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

// Parts of the gradient's workspace.
struct GradientBuffers {
  int64_t fusion_chunks, convolution_chunks, bytes;
  void *fusion, *activation, *means, *gate, *convolution;
  void* copy;  // of the gradient of y, where one block cannot work in place
};

// Enqueues what sums up the gradients of the gate's kernel and bias, of gamma and of beta.
template <typename T>
int LaunchWeightGradients(const Problem<T>& problem, const Gradients<T>& gradients,
                          const gsf_gate_shift_fuse_gradients& results,
                          const GradientBuffers& buffers, cudaStream_t stream);

// Enqueues the gradient of x, after that of the weights. `y_gradient` may be `gradients.x`.
template <typename T>
int LaunchInputGradient(const Problem<T>& problem, const Gradients<T>& gradients,
                        const T* y_gradient, cudaStream_t stream);

}  // namespace gsf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_CUDA_GATE_SHIFT_FUSE_GRADIENT_H_
