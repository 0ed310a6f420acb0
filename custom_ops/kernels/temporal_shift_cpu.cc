#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/temporal_shift.h"

namespace {

void CopyOrZero(char* output, const char* input, int64_t offset, int64_t bytes, bool inside_clip) {
  if (inside_clip) {
    std::memcpy(output, input + offset, bytes);
  } else {
    std::memset(output, 0, bytes);
  }
}

}  // namespace

void gsf_temporal_shift_cpu(const void* input, void* output, const gsf_temporal_shift_shape* shape,
                            int64_t first_row, int64_t last_row) {
  const int64_t row_bytes = shape->row_bytes;
  const int64_t fold_bytes = shape->fold_bytes;
  const int64_t rest_bytes = row_bytes - 2 * fold_bytes;
  const int64_t frame_bytes = shape->rows_per_frame * row_bytes;
  const int64_t second_fold_offset = shape->reverse ? frame_bytes : -frame_bytes;
  const int64_t first_fold_offset = shape->causal ? 0 : -second_fold_offset;

  for (int64_t row = first_row; row < last_row;) {
    const int64_t frame = row / shape->rows_per_frame;
    const int64_t frame_end = std::min(last_row, (frame + 1) * shape->rows_per_frame);
    const int64_t t = frame % shape->num_segments;
    const bool has_earlier = t > 0;
    const bool has_later = t + 1 < shape->num_segments;
    const bool first_fold_inside = shape->causal || (shape->reverse ? has_earlier : has_later);
    const bool second_fold_inside = shape->reverse ? has_later : has_earlier;

    for (; row < frame_end; ++row) {
      const char* source = static_cast<const char*>(input) + row * row_bytes;
      char* target = static_cast<char*>(output) + row * row_bytes;
      CopyOrZero(target, source, first_fold_offset, fold_bytes, first_fold_inside);
      CopyOrZero(target + fold_bytes, source + fold_bytes, second_fold_offset, fold_bytes,
                 second_fold_inside);
      std::memcpy(target + 2 * fold_bytes, source + 2 * fold_bytes, rest_bytes);
    }
  }
}
