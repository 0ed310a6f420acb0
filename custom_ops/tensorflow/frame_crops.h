// What the ops have in common that scale boxes of frames to the input of a model.

#ifndef GSF_TF_CUSTOM_OPS_TENSORFLOW_FRAME_CROPS_H_
#define GSF_TF_CUSTOM_OPS_TENSORFLOW_FRAME_CROPS_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "custom_ops/kernels/frame_scaling.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {

// Pixels of a frame, decoded or scaled; a little more than those of 8K. MAX_FRAME_PIXELS in
// gsf_tf/ops/scale_crops.py is the same number.
constexpr int64_t kMaxFramePixels = int64_t{1} << 25;

// Memory for the weights of all boxes. Boxes of one size share theirs.
constexpr int64_t kMaxScalerBytes = int64_t{1} << 32;

struct Box {
  int64_t top, left, height, width;
};

// Boxes int32 [V, 4] that lie within a frame, and the smallest box around all of them.
struct FrameCrops {
  std::vector<Box> boxes;
  Box hull;
};

inline absl::Status ReadCrops(const tensorflow::Tensor& tensor, int64_t height, int64_t width,
                              FrameCrops& crops) {
  if (tensor.dims() != 2 || tensor.dim_size(0) < 1 || tensor.dim_size(1) != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("boxes must be [V, 4] with V at least 1. Received: boxes of shape ",
                     tensor.shape().DebugString(), "."));
  }
  const auto values = tensor.matrix<int32_t>();
  int64_t top = height, left = width, bottom = 0, right = 0;
  for (int64_t i = 0; i < tensor.dim_size(0); ++i) {
    const Box box = {values(i, 0), values(i, 1), values(i, 2), values(i, 3)};
    if (box.top < 0 || box.left < 0 || box.height < 1 || box.width < 1 ||
        box.top + box.height > height || box.left + box.width > width) {
      return absl::InvalidArgumentError(
          absl::StrCat("A box (top, left, height, width) must lie within the frame and not be "
                       "empty. Received: (",
                       box.top, ", ", box.left, ", ", box.height, ", ", box.width,
                       ") in a frame of ", height, " x ", width, " (height x width)."));
    }
    crops.boxes.push_back(box);
    top = std::min(top, box.top);
    left = std::min(left, box.left);
    bottom = std::max(bottom, box.top + box.height);
    right = std::max(right, box.left + box.width);
  }
  crops.hull = {top, left, bottom - top, right - left};
  return absl::OkStatus();
}

// Without an overflow, whatever the numbers are.
inline bool IsFrameSize(int64_t height, int64_t width) {
  return height >= 1 && width >= 1 && height <= kMaxFramePixels &&
         width <= kMaxFramePixels / height;
}

// The attribute image_size: [height, width] of what comes out.
template <typename Context>
absl::Status GetImageSize(Context* context, int64_t& height, int64_t& width) {
  std::vector<int64_t> size;
  TF_RETURN_IF_ERROR(context->GetAttr("image_size", &size));
  if (size.size() != 2 || !IsFrameSize(size[0], size[1])) {
    return absl::InvalidArgumentError(
        absl::StrCat("image_size must be [height, width], both at least 1, with at most ",
                     kMaxFramePixels, " pixels. Received: [", absl::StrJoin(size, ", "), "]."));
  }
  height = size[0];
  width = size[1];
  return absl::OkStatus();
}

// The shape [V, T, height, width, 3] of what comes out.
inline absl::Status SetCropsShape(tensorflow::shape_inference::InferenceContext* context,
                                  tensorflow::shape_inference::DimensionHandle num_frames,
                                  int boxes_input) {
  tensorflow::shape_inference::ShapeHandle boxes;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(boxes_input), 2, &boxes));
  int64_t height, width;
  TF_RETURN_IF_ERROR(GetImageSize(context, height, width));
  context->set_output(
      0, context->MakeShape({context->Dim(boxes, 0), num_frames, context->MakeDim(height),
                             context->MakeDim(width), context->MakeDim(3)}));
  return absl::OkStatus();
}

// Allocates the first output, [V, T, height, width, 3].
inline absl::Status AllocateCrops(tensorflow::OpKernelContext* context, const FrameCrops& crops,
                                  int64_t num_frames, int64_t height, int64_t width,
                                  tensorflow::Tensor** output) {
  tensorflow::TensorShape shape;
  TF_RETURN_IF_ERROR(tensorflow::TensorShape::BuildTensorShape(
      std::vector<int64_t>{static_cast<int64_t>(crops.boxes.size()), num_frames, height, width, 3},
      &shape));
  return context->allocate_output(0, shape, output);
}

// Scales each box of a frame into its place in an output [V, T, height, width, 3].
class CropScaler {
 public:
  CropScaler(const FrameCrops& crops, int64_t num_frames, int64_t height, int64_t width)
      : crops_(crops),
        num_frames_(num_frames),
        height_(height),
        width_(width),
        frame_bytes_(height * width * 3) {}

  // Comes before the first `Scale`.
  absl::Status Prepare() {
    std::map<std::pair<int64_t, int64_t>, size_t> scaler_of_size;
    int64_t bytes = 0;
    for (const Box& box : crops_.boxes) {
      const auto [place, is_new] =
          scaler_of_size.try_emplace({box.height, box.width}, scalers_.size());
      scaler_of_.push_back(place->second);
      if (!is_new) continue;
      bytes += FrameScaler::MostBytes(box.height, box.width, height_, width_);
      if (bytes > kMaxScalerBytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("The weights of all sizes of boxes must fit in ", kMaxScalerBytes,
                         " bytes. Received: ", crops_.boxes.size(), " boxes, of which the first ",
                         scaler_of_.size(), " need more. Pass fewer sizes, or smaller boxes."));
      }
      scalers_.emplace_back(box.height, box.width, height_, width_);
      if (!scalers_.back().can_scale()) {
        return absl::InternalError(absl::StrCat(
            "A box or image_size longer than 2^23 pixels can only be scaled where single precision "
            "tells its positions apart. Received: a box of ",
            box.height, " x ", box.width, " and an image_size of ", height_, " x ", width_,
            " (height x width)."));
      }
    }
    return absl::OkStatus();
  }

  // `pixels` begin at the hull's first pixel, a row every `pitch` bytes.
  void Scale(const uint8_t* pixels, int64_t pitch, int64_t frame, uint8_t* output) {
    for (size_t i = 0; i < crops_.boxes.size(); ++i) {
      const Box& box = crops_.boxes[i];
      const uint8_t* from =
          pixels + (box.top - crops_.hull.top) * pitch + (box.left - crops_.hull.left) * 3;
      scalers_[scaler_of_[i]].Scale(from, pitch, output + (i * num_frames_ + frame) * frame_bytes_);
    }
  }

 private:
  const FrameCrops& crops_;
  const int64_t num_frames_, height_, width_, frame_bytes_;
  std::vector<FrameScaler> scalers_;
  std::vector<size_t> scaler_of_;
};

}  // namespace gsf_tf

#endif  // GSF_TF_CUSTOM_OPS_TENSORFLOW_FRAME_CROPS_H_
