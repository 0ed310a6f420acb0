#include "custom_ops/kernels/row_products.h"

#include "custom_ops/kernels/cpu_passes.h"

namespace gsf_tf {
namespace {

// Rows and vectors of a block whose sums stay in registers: AVX-512 has 32 of them, others 16.
constexpr int kBlockVectors = 2;
// Rows of `right` that are asked for ahead: the processor foresees no steps as wide as a row.
constexpr int kAhead = 8;
template <int kBytes>
constexpr int kBlockRows = kBytes == 64 ? 14 : 6;

// The sums of kRows rows in kVectors vectors of columns, which begin at `columns`. The vectors may
// share columns.
template <int kLanes, int kRows, int kVectors, typename T>
GSF_INLINE void MultiplyBlock(const RowProducts<T>& products, int64_t row,
                              const int64_t (&columns)[kBlockVectors]) {
  using V = Vector<Real<T>, kLanes>;
  V sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) sums[i][j] = V{};
  }
  const Real<T>* left = products.left + row * products.pitch;
  const Real<T>* right = products.right;
  for (int64_t k = 0; k < products.depth; ++k) {
    V values[kVectors];
    for (int j = 0; j < kVectors; ++j) {
      Load<kLanes>(right + columns[j], values[j]);
      __builtin_prefetch(right + columns[j] + kAhead * products.columns);
    }
    const Real<T>* element = left;
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kVectors; ++j) sums[i][j] = *element * values[j] + sums[i][j];
      element += products.pitch;
    }
    left += products.step;
    right += products.columns;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const int64_t offset = products.offsets[row + i];
    for (int j = 0; j < kVectors; ++j) {
      if (products.addend != nullptr) {
        V value;
        Load<kLanes>(products.addend + offset + columns[j], value);
        sums[i][j] += value;
      }
      Store<kLanes>(sums[i][j], products.output + offset + columns[j]);
    }
  }
}

template <int kLanes, int kVectors, int kRows, typename T>
GSF_INLINE void MultiplyPanel(const RowProducts<T>& products,
                              const int64_t (&columns)[kBlockVectors], int64_t first,
                              int64_t last) {
  int64_t row = first;
  for (; row + kRows <= last; row += kRows) {
    MultiplyBlock<kLanes, kRows, kVectors>(products, row, columns);
  }
  for (; row + 4 <= last; row += 4) MultiplyBlock<kLanes, 4, kVectors>(products, row, columns);
  for (; row < last; ++row) MultiplyBlock<kLanes, 1, kVectors>(products, row, columns);
}

// Panels of columns, each for all rows, so that a panel of `right` stays in the nearest cache. The
// last vector ends where the columns end and shares some with the one before.
template <int kLanes, int kRows, typename T>
GSF_INLINE void MultiplyPanels(const RowProducts<T>& products, int64_t first, int64_t last) {
  const int64_t last_vector = products.columns - kLanes;
  const auto begin = [&](int64_t column) { return column < last_vector ? column : last_vector; };
  int64_t column = 0;
  for (; column + kLanes < products.columns; column += 2 * kLanes) {
    MultiplyPanel<kLanes, 2, kRows>(products, {begin(column), begin(column + kLanes)}, first, last);
  }
  if (column < products.columns) {
    MultiplyPanel<kLanes, 1, kRows>(products, {begin(column), 0}, first, last);
  }
}

struct MultiplyRowsPass {
  template <int kBytes, typename T>
  GSF_INLINE static void Run(const RowProducts<T>& products, int64_t first, int64_t last) {
    constexpr int kLanes = kBytes / sizeof(Real<T>);
    if (products.columns >= kLanes) {
      MultiplyPanels<kLanes, kBlockRows<kBytes>>(products, first, last);
    } else {
      MultiplyPanels<1, kBlockRows<kBytes>>(products, first, last);
    }
  }
};

}  // namespace

GSF_DEFINE_PASS(MultiplyRows, RowProducts);

}  // namespace gsf_tf
