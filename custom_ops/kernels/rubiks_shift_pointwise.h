// RubiksShift and the 1x1 convolution after it as one: the shifted map is only there as a band of
// rows, which stays in a cache (RubiksNet paper, section 3.2).
//
//   y[p, f] = addend[p, f] + sum over c of shifted[p, c] * kernel[c, f]
//
// for all pixels p of all frames. `kernel` is float32 (float64 where x is float64).

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_POINTWISE_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_POINTWISE_H_

#include <stdint.h>

#include "custom_ops/kernels/rubiks_shift.h"

#ifdef __cplusplus
extern "C" {
#endif

// Units of work are bands of rows of y in all frames of a clip. Calls on disjoint ranges may run at
// the same time. `addend` has the shape of y; it may be null, and must not be the memory of y.
int64_t gsf_rubiks_shift_pointwise_units_cpu(const gsf_rubiks_shift_plan* plan);
void gsf_rubiks_shift_pointwise_cpu(const void* x, const void* kernel, const void* addend, void* y,
                                    int64_t filters, const gsf_rubiks_shift_plan* plan,
                                    int64_t first, int64_t last);

// The gradient of the kernel, for which bands are shifted anew. Each unit writes sums of its own
// into `partial_sums`, of the kernel's type, which has gsf_rubiks_shift_pointwise_sums_cpu
// elements. When all units are done, gsf_rubiks_shift_pointwise_add_sums_cpu adds these in one
// order, so the result has the same bits whatever the ranges were.
int64_t gsf_rubiks_shift_pointwise_gradient_units_cpu(const gsf_rubiks_shift_plan* plan);
int64_t gsf_rubiks_shift_pointwise_sums_cpu(const gsf_rubiks_shift_plan* plan, int64_t filters);
void gsf_rubiks_shift_pointwise_gradient_cpu(const void* x, const void* y_gradient,
                                             void* partial_sums, int64_t filters,
                                             const gsf_rubiks_shift_plan* plan, int64_t first,
                                             int64_t last);
void gsf_rubiks_shift_pointwise_add_sums_cpu(const void* partial_sums, void* kernel_gradient,
                                             int64_t filters, const gsf_rubiks_shift_plan* plan);

// Both enqueue as those of rubiks_shift.h do; x has at least one channel.
int gsf_rubiks_shift_pointwise_cuda(const void* x, const void* shift, const void* kernel,
                                    const void* addend, void* y, int64_t filters,
                                    const gsf_rubiks_shift_shape* shape, void* stream);
int64_t gsf_rubiks_shift_pointwise_gradient_workspace_cuda(const gsf_rubiks_shift_shape* shape,
                                                           int64_t filters);
int gsf_rubiks_shift_pointwise_gradient_cuda(const void* x, const void* shift,
                                             const void* y_gradient, void* kernel_gradient,
                                             void* workspace, int64_t filters,
                                             const gsf_rubiks_shift_shape* shape, void* stream);

#ifdef __cplusplus
}
#endif

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_RUBIKS_SHIFT_POINTWISE_H_
