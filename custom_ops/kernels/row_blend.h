// Sums over taps along rows of pixels, channels last: all arithmetic of RubiksShift.
//
// Channels are divided into blocks as wide as a vector, and every block has its own list of taps,
// so the work follows the shifts that a block has and not the farthest of the layer.

#ifndef GSF_TF_CUSTOM_OPS_KERNELS_ROW_BLEND_H_
#define GSF_TF_CUSTOM_OPS_KERNELS_ROW_BLEND_H_

#include <cstdint>
#include <vector>

#include "custom_ops/kernels/half_precision.h"

namespace gsf_tf {

template <typename Row>
struct Tap {
  int64_t offset;  // of what the tap reads from the pixel it is for, in elements
  Row* row;        // a value per lane
};

// The taps of consecutive blocks: block b has taps[begin[b]] .. taps[begin[b + 1] - 1].
template <typename Row>
struct TapTable {
  std::vector<int64_t> begin = {0};
  std::vector<Tap<Row>> taps;

  int64_t num_blocks() const { return static_cast<int64_t>(begin.size()) - 1; }
};

// A row of pixels: `pixels` is where its first block of channels starts, `pitch` is from one pixel
// to the next, in elements.
template <typename T>
struct Pixels {
  T* pixels;
  int64_t pitch;
};

// The last block ends where the channels end, so two blocks may share channels: they then write
// the same values twice.
struct Blocks {
  int64_t lanes;
  int64_t channels;  // at least `lanes`

  int64_t first_channel(int64_t block) const {
    return block * lanes < channels - lanes ? block * lanes : channels - lanes;
  }
};

// output = sum over taps of row * input, for `count` pixels; zero in blocks without taps.
template <int kLanes, typename In, typename Out>
void Blend(const Pixels<const In>& input, const TapTable<const Real<In>>& table,
           const Pixels<Out>& output, const Blocks& blocks, int64_t count);

// row += sum over pixels of one * other at the tap; the taps' offsets are in `other`.
template <int kLanes, typename One, typename Other>
void Correlate(const Pixels<const One>& one, const Pixels<const Other>& other,
               const TapTable<Real<One>>& table, const Blocks& blocks, int64_t count);

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_KERNELS_ROW_BLEND_H_
