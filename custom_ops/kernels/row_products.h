// Products of rows with a matrix, which is what a 1x1 convolution does with its pixels.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_ROW_PRODUCTS_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_ROW_PRODUCTS_H_

#include <cstdint>

#include "custom_ops/kernels/half_precision.h"

namespace gsf_tf {

// output[m] = addend[m] + sum over k of left[m, k] * right[k], each output a row of `columns`
// elements.
template <typename T>
struct RowProducts {
  const Real<T>* left;  // element [m, k] is at m * pitch + k * step
  int64_t pitch;
  int64_t step;
  int64_t depth;
  const Real<T>* right;  // [depth, columns]
  int64_t columns;
  const int64_t* offsets;  // of row m in `addend` and `output`
  const T* addend;         // or null; not `output`
  T* output;
};

// Computes the rows [first, last).
template <typename T>
void MultiplyRows(const RowProducts<T>& products, int64_t first, int64_t last);

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_ROW_PRODUCTS_H_
