#include "custom_ops/kernels/rubiks_shift_plan.h"

#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/instruction_sets.h"
#include "custom_ops/kernels/near_rows.h"

namespace gsf_tf {
namespace {

// Few enough for a tile of whole cache lines to be cheap, many enough to divide among threads.
constexpr int64_t kChunkChannels = 64;
constexpr int64_t kTileElements = 2048;
constexpr int64_t kBandRows = 16;

template <typename R>
struct Coefficient {
  R tap;
  R value;
};

// Equation (6) on one axis: the one or two elements between which `shift` points.
template <typename R>
int ValueCoefficients(R shift, Coefficient<R>* coefficients) {
  const R below = std::floor(shift);
  const R fraction = shift - below;
  coefficients[0] = {below, 1 - fraction};
  coefficients[1] = {below + 1, fraction};
  return 2;
}

// Its derivative, at an integer half the central difference.
template <typename R>
int SlopeCoefficients(R shift, Coefficient<R>* coefficients) {
  const R below = std::floor(shift);
  const bool kink = shift == below;
  coefficients[0] = {kink ? below - 1 : below, kink ? R{-0.5} : R{-1}};
  coefficients[1] = {below + 1, kink ? R{0.5} : R{1}};
  return 2;
}

template <typename R>
void AddCoefficient(int64_t tap, int64_t lane, int64_t lanes, R value, AxisTaps<R>* taps) {
  const auto first = taps->taps.begin() + taps->begin.back();
  const auto place = std::lower_bound(first, taps->taps.end(), tap);
  const int64_t index = place - taps->taps.begin();
  if (place == taps->taps.end() || *place != tap) {
    taps->taps.insert(place, tap);
    taps->coefficients.insert(taps->coefficients.begin() + index * lanes, lanes, R{0});
    taps->lowest = std::min(taps->lowest, tap);
    taps->highest = std::max(taps->highest, tap);
  }
  taps->coefficients[index * lanes + lane] = value;
}

template <typename R, typename Coefficients>
AxisTaps<R> TapsOfAxis(const R* shift, const Blocks& blocks, int64_t num_blocks,
                       const RubiksAxis<R>& axis, Coefficients coefficients_of) {
  // Beyond these no position of the output reads the input.
  const int64_t lowest = -(axis.output_length - 1) * axis.stride, highest = axis.length - 1;
  const R far = static_cast<R>(axis.length) + 2;
  AxisTaps<R> taps;
  taps.begin = {0};
  for (int64_t block = 0; block < num_blocks; ++block) {
    for (int64_t lane = 0; lane < blocks.lanes; ++lane) {
      const R value = shift[blocks.first_channel(block) + lane];
      if (std::isnan(value)) AddCoefficient(0, lane, blocks.lanes, value, &taps);
      // Also keeps what is no 64-bit integer out of the conversion below.
      if (!(std::abs(value) < far)) continue;
      Coefficient<R> coefficients[2];
      const int count = coefficients_of(value, coefficients);
      for (int i = 0; i < count; ++i) {
        const int64_t tap = static_cast<int64_t>(coefficients[i].tap);
        if (coefficients[i].value == 0 || tap < lowest || tap > highest) continue;
        AddCoefficient(tap, lane, blocks.lanes, coefficients[i].value, &taps);
      }
    }
    taps.begin.push_back(taps.taps.size());
  }
  return taps;
}

// Whether near_rows.h can have the taps; then they are there in its form.
template <typename R>
bool MakeNear(int64_t lanes, AxisTaps<R>* taps) {
  if (taps->lowest < -1 || taps->highest > 1) return false;
  const int64_t num_blocks = taps->begin.size() - 1;
  taps->near.assign(num_blocks * kNearTaps * lanes, R{0});
  for (int64_t block = 0; block < num_blocks; ++block) {
    for (int64_t i = taps->begin[block]; i < taps->begin[block + 1]; ++i) {
      std::copy_n(&taps->coefficients[i * lanes], lanes,
                  &taps->near[(block * kNearTaps + taps->taps[i] + 1) * lanes]);
    }
  }
  return true;
}

template <typename R>
bool IsIdentity(const AxisTaps<R>& taps) {
  const size_t num_blocks = taps.begin.size() - 1;
  return taps.taps.size() == num_blocks &&
         std::all_of(taps.taps.begin(), taps.taps.end(), [](int64_t tap) { return tap == 0; }) &&
         std::all_of(taps.coefficients.begin(), taps.coefficients.end(),
                     [](R coefficient) { return coefficient == 1; });
}

template <typename R>
std::vector<ChannelChunk> DivideChannels(const Blocks& blocks, int64_t num_blocks) {
  std::vector<ChannelChunk> chunks;
  // A chunk of one block could share channels with another, and two threads would write them.
  const int64_t count = num_blocks == 0 ? 0
                                        : std::clamp<int64_t>(blocks.channels / kChunkChannels, 1,
                                                              std::max<int64_t>(num_blocks / 2, 1));
  for (int64_t i = 0; i < count; ++i) {
    ChannelChunk chunk;
    chunk.first_block = i * num_blocks / count;
    chunk.last_block = (i + 1) * num_blocks / count;
    chunk.first_channel = blocks.first_channel(chunk.first_block);
    chunk.blocks = {blocks.lanes, blocks.first_channel(chunk.last_block - 1) + blocks.lanes -
                                      chunk.first_channel};
    chunks.push_back(chunk);
  }
  return chunks;
}

// `offset_of(tap, &offset)` says whether the tap is to be had, and where.
template <typename R, typename Row, typename OffsetOf>
void MakeTable(const AxisTaps<R>& taps, Row* rows, const ChannelChunk& chunk, TapTable<Row>* table,
               OffsetOf offset_of) {
  table->begin.assign(1, 0);
  table->taps.clear();
  for (int64_t block = chunk.first_block; block < chunk.last_block; ++block) {
    for (int64_t i = taps.begin[block]; i < taps.begin[block + 1]; ++i) {
      int64_t offset;
      if (!offset_of(taps.taps[i], &offset)) continue;
      table->taps.push_back({offset, rows + i * chunk.blocks.lanes});
    }
    table->begin.push_back(table->taps.size());
  }
}

}  // namespace

int64_t FloorDivide(int64_t number, int64_t divisor) {
  return number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor);
}

int64_t CeilDivide(int64_t number, int64_t divisor) { return -FloorDivide(-number, divisor); }

template <typename R>
RubiksPlan<R>::RubiksPlan(const gsf_rubiks_shift_shape& shape, const R* shift, bool gradient)
    : num_clips(shape.rows == 3 ? shape.num_clips : shape.num_clips * shape.num_segments),
      channels(shape.channels),
      rows(shape.rows),
      quantized(shape.quantized != 0) {
  lanes = std::max(VectorBytes(), 32) / sizeof(R);
  if (channels < lanes) lanes = 32 / sizeof(R);
  if (channels < lanes) lanes = 1;
  const Blocks blocks = {lanes, channels};
  const int64_t num_blocks = CeilDivide(channels, lanes);
  chunks = DivideChannels<R>(blocks, num_blocks);

  const int64_t lengths[] = {rows == 3 ? shape.num_segments : 1, shape.height, shape.width};
  const int64_t strides[] = {shape.time_stride, shape.height_stride, shape.width_stride};
  const std::vector<R> no_shift(rows == 3 ? 0 : channels);
  near_values = near_slopes = lanes > 1 && shape.width_stride <= 2 && shape.time_stride == 1 &&
                              shape.num_segments <= kMaxNearFrames;
  for (int name = 0; name < 3; ++name) {
    const int64_t row = name - (3 - rows);
    const R* values = row < 0 ? no_shift.data() : shift + row * channels;
    RubiksAxis<R>& axis = axes[name];
    axis.length = lengths[name];
    // A stride beyond the length takes the first element alone, as one of the length does.
    axis.stride = std::min(strides[name], std::max<int64_t>(axis.length, 1));
    axis.output_length = CeilDivide(axis.length, axis.stride);
    std::vector<R> rounded;
    if (quantized) {
      for (int64_t c = 0; c < channels; ++c) {
        const R below = std::floor(values[c]);
        rounded.push_back(values[c] - below < R{0.5} ? below : below + 1);
      }
    }
    axis.value = TapsOfAxis(quantized ? rounded.data() : values, blocks, num_blocks, axis,
                            ValueCoefficients<R>);
    axis.identity = axis.stride == 1 && IsIdentity(axis.value);
    near_values = near_values && MakeNear(lanes, &axis.value);
    if (!gradient) continue;
    axis.interpolated =
        quantized ? TapsOfAxis(values, blocks, num_blocks, axis, ValueCoefficients<R>) : axis.value;
    axis.slope = TapsOfAxis(values, blocks, num_blocks, axis, SlopeCoefficients<R>);
    near_slopes =
        near_slopes && MakeNear(lanes, &axis.interpolated) && MakeNear(lanes, &axis.slope);
  }
  near_slopes = near_slopes && near_values && gradient;

  // Rows beyond both ends of a band are computed for it alone: high bands where shifts are large.
  const RubiksAxis<R>& vertical = axes[kVertical];
  const int64_t reach = vertical.value.highest - vertical.value.lowest;
  band_rows = std::max(kBandRows, 4 * reach / vertical.stride);
}

template <typename R>
int64_t RubiksPlan<R>::num_bands() const {
  return num_clips * CeilDivide(axes[kVertical].output_length, band_rows);
}

template <typename R>
int64_t RubiksPlan<R>::TilePixels(const ChannelChunk& chunk) const {
  const RubiksAxis<R>& axis = axes[kHorizontal];
  const int64_t reach = axis.value.highest - axis.value.lowest;
  return std::max({int64_t{8}, kTileElements / chunk.blocks.channels, 4 * reach / axis.stride});
}

template <typename R, typename Row>
void TapsOfOutput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, Row* rows,
                  const ChannelChunk& chunk, int64_t position, int64_t pitch,
                  TapTable<Row>* table) {
  MakeTable(taps, rows, chunk, table, [&](int64_t tap, int64_t* offset) {
    const int64_t source = position * axis.stride + tap;
    *offset = source * pitch;
    return source >= 0 && source < axis.length;
  });
}

template <typename R>
void TapsOfInput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, const ChannelChunk& chunk,
                 int64_t position, int64_t pitch, int64_t ring, TapTable<const R>* table) {
  MakeTable(taps, taps.coefficients.data(), chunk, table, [&](int64_t tap, int64_t* offset) {
    const int64_t distance = position - tap;
    const int64_t output = distance / axis.stride;
    *offset = output % ring * pitch;
    return distance >= 0 && distance % axis.stride == 0 && output < axis.output_length;
  });
}

template <typename R, typename Row>
void TapsOfAnyOutput(const AxisTaps<R>& taps, Row* rows, const ChannelChunk& chunk, int64_t pitch,
                     TapTable<Row>* table) {
  MakeTable(taps, rows, chunk, table, [&](int64_t tap, int64_t* offset) {
    *offset = tap * pitch;
    return true;
  });
}

template <typename R>
void TapsOfAnyInput(const RubiksAxis<R>& axis, const AxisTaps<R>& taps, const ChannelChunk& chunk,
                    int64_t remainder, int64_t pitch, TapTable<const R>* table) {
  MakeTable(taps, taps.coefficients.data(), chunk, table, [&](int64_t tap, int64_t* offset) {
    *offset = (remainder - tap) / axis.stride * pitch;
    return (remainder - tap) % axis.stride == 0;
  });
}

#define INSTANTIATE_ROWS(R, ROW)                                                                  \
  template void TapsOfOutput(const RubiksAxis<R>&, const AxisTaps<R>&, ROW*, const ChannelChunk&, \
                             int64_t, int64_t, TapTable<ROW>*);                                   \
  template void TapsOfAnyOutput(const AxisTaps<R>&, ROW*, const ChannelChunk&, int64_t,           \
                                TapTable<ROW>*)
#define INSTANTIATE(R)                                                                        \
  template struct RubiksPlan<R>;                                                              \
  INSTANTIATE_ROWS(R, R);                                                                     \
  INSTANTIATE_ROWS(R, const R);                                                               \
  template void TapsOfInput(const RubiksAxis<R>&, const AxisTaps<R>&, const ChannelChunk&,    \
                            int64_t, int64_t, int64_t, TapTable<const R>*);                   \
  template void TapsOfAnyInput(const RubiksAxis<R>&, const AxisTaps<R>&, const ChannelChunk&, \
                               int64_t, int64_t, TapTable<const R>*)

INSTANTIATE(float);
INSTANTIATE(double);

}  // namespace gsf_tf
