#include <algorithm>
#include <limits>
#include <vector>

#include "custom_ops/tensorflow/frame_crops.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/lib/jpeg/jpeg_mem.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle jpegs, unused;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 1, &jpegs));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 1, &unused));
  context->set_output(1, context->Scalar());
  return SetCropsShape(context, context->Dim(jpegs, 0), 2);
}

}  // namespace

REGISTER_OP("GsfTf>DecodeCrops")
    .Input("jpegs: string")
    .Input("frame_size: int32")
    .Input("boxes: int32")
    .Output("crops: uint8")
    .Output("good: bool")
    .Attr("image_size: list(int) >= 2")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Decodes boxes of JPEGs and scales them: bilinear, antialiased where it shrinks.

jpegs: [T].
frame_size: [2], the height and width that each JPEG must have; at most 2^25 pixels.
boxes: [V, 4], each top, left, height and width in pixels.
crops: [V, T, image_size[0], image_size[1], 3]; zeros where not `good`.
good: Whether all JPEGs have frame_size and decode.
image_size: Height and width of what comes out.
)doc");

namespace {

// A thread keeps its decoded frame up to this size: memory new from the system costs a tenth of the
// time of decoding.
constexpr size_t kKeptBytes = 1 << 22;

// The libjpeg inside of TensorFlow decodes from a multiple of this column on; from elsewhere, it
// decodes rows to another place first and copies them.
constexpr int64_t kBlockColumns = 16;

// It writes rows that begin at multiples of 32 bytes past the caches, so that reading them takes
// long. No row of this buffer does.
class FrameBuffer {
 public:
  uint8_t* Prepare(const Box& box) {
    pitch_ = (box.width * 3 + 31) / 32 * 32;
    bytes_.resize(box.height * pitch_ + 64);
    const uintptr_t start = reinterpret_cast<uintptr_t>(bytes_.data());
    return bytes_.data() + (31 - (start + 31) % 32) + 8;
  }

  int64_t pitch() const { return pitch_; }

  void Release() {
    if (bytes_.size() > kKeptBytes) std::vector<uint8_t>().swap(bytes_);
  }

 private:
  std::vector<uint8_t> bytes_;
  int64_t pitch_ = 0;
};

bool HasSize(const tensorflow::tstring& jpeg, int64_t height, int64_t width) {
  int found_width, found_height;
  return jpeg.size() <= std::numeric_limits<int>::max() &&
         tensorflow::jpeg::GetImageInfo(jpeg.data(), static_cast<int>(jpeg.size()), &found_width,
                                        &found_height, nullptr) &&
         found_height == height && found_width == width;
}

// Decodes the box of a JPEG.
bool Decode(const tensorflow::tstring& jpeg, const Box& box, int64_t pitch, uint8_t* pixels) {
  tensorflow::jpeg::UncompressFlags flags;
  flags.components = 3;
  flags.dct_method = JDCT_ISLOW;
  flags.crop = true;
  flags.crop_x = static_cast<int>(box.left);
  flags.crop_y = static_cast<int>(box.top);
  flags.crop_width = static_cast<int>(box.width);
  flags.crop_height = static_cast<int>(box.height);
  flags.stride = static_cast<int>(pitch);
  return tensorflow::jpeg::Uncompress(jpeg.data(), static_cast<int>(jpeg.size()), flags, nullptr,
                                      [pixels](int, int, int) { return pixels; }) != nullptr;
}

class DecodeCropsOp : public tensorflow::OpKernel {
 public:
  explicit DecodeCropsOp(tensorflow::OpKernelConstruction* context)
      : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, GetImageSize(context, height_, width_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& jpegs = context->input(0);
    const tensorflow::Tensor& frame_size = context->input(1);
    OP_REQUIRES(context, jpegs.dims() == 1 && frame_size.dims() == 1 && frame_size.dim_size(0) == 2,
                absl::InvalidArgumentError(absl::StrCat(
                    "jpegs must be [T] and frame_size [2]. Received: shapes ",
                    jpegs.shape().DebugString(), " and ", frame_size.shape().DebugString(), ".")));
    const int64_t frame_height = frame_size.vec<int32_t>()(0);
    const int64_t frame_width = frame_size.vec<int32_t>()(1);
    OP_REQUIRES(
        context, IsFrameSize(frame_height, frame_width),
        absl::InvalidArgumentError(absl::StrCat(
            "frame_size must be [height, width], both at least 1, with at most ", kMaxFramePixels,
            " pixels. Received: [", frame_height, ", ", frame_width, "].")));
    FrameCrops crops;
    OP_REQUIRES_OK(context, ReadCrops(context->input(2), frame_height, frame_width, crops));
    const int64_t num_frames = jpegs.dim_size(0);
    tensorflow::Tensor *output = nullptr, *good = nullptr;
    OP_REQUIRES_OK(context, AllocateCrops(context, crops, num_frames, height_, width_, &output));
    OP_REQUIRES_OK(context, context->allocate_output(1, {}, &good));

    const int64_t margin = crops.hull.left % kBlockColumns;
    const Box box = {crops.hull.top, crops.hull.left - margin, crops.hull.height,
                     crops.hull.width + margin};
    uint8_t* target = output->flat<uint8_t>().data();
    bool all_good = true;
    // No memory for the pixels before all files say that they have them.
    for (int64_t frame = 0; frame < num_frames && all_good; ++frame) {
      all_good = HasSize(jpegs.vec<tensorflow::tstring>()(frame), frame_height, frame_width);
    }
    if (all_good && num_frames > 0) {
      CropScaler scaler(crops, num_frames, height_, width_);
      OP_REQUIRES_OK(context, scaler.Prepare());
      thread_local FrameBuffer buffer;
      uint8_t* pixels = buffer.Prepare(box);
      for (int64_t frame = 0; frame < num_frames && all_good; ++frame) {
        all_good = Decode(jpegs.vec<tensorflow::tstring>()(frame), box, buffer.pitch(), pixels);
        if (all_good) scaler.Scale(pixels + margin * 3, buffer.pitch(), frame, target);
      }
      buffer.Release();
    }
    if (!all_good) std::fill_n(target, output->NumElements(), 0);
    good->scalar<bool>()() = all_good;
  }

 private:
  int64_t height_, width_;
};

REGISTER_KERNEL_BUILDER(Name("GsfTf>DecodeCrops").Device(tensorflow::DEVICE_CPU), DecodeCropsOp);

}  // namespace
}  // namespace gsf_tf
