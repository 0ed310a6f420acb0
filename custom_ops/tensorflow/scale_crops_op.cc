#include "custom_ops/tensorflow/frame_crops.h"
#include "tensorflow/core/framework/op.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle frames;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &frames));
  return SetCropsShape(context, context->Dim(frames, 0), 1);
}

}  // namespace

REGISTER_OP("GsfTf>ScaleCrops")
    .Input("frames: uint8")
    .Input("boxes: int32")
    .Output("crops: uint8")
    .Attr("image_size: list(int) >= 2")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Cuts boxes out of frames and scales them: bilinear, antialiased where it shrinks.

frames: [T, height, width, 3].
boxes: [V, 4], each top, left, height and width in pixels.
crops: [V, T, image_size[0], image_size[1], 3].
image_size: Height and width of what comes out.
)doc");

namespace {

class ScaleCropsOp : public tensorflow::OpKernel {
 public:
  explicit ScaleCropsOp(tensorflow::OpKernelConstruction* context) : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, GetImageSize(context, height_, width_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& frames = context->input(0);
    OP_REQUIRES(context, frames.dims() == 4 && frames.dim_size(3) == 3,
                absl::InvalidArgumentError(
                    absl::StrCat("frames must be [T, H, W, 3]. Received: frames of shape ",
                                 frames.shape().DebugString(), ".")));
    const int64_t num_frames = frames.dim_size(0);
    FrameCrops crops;
    OP_REQUIRES_OK(context,
                   ReadCrops(context->input(1), frames.dim_size(1), frames.dim_size(2), crops));
    CropScaler scaler(crops, num_frames, height_, width_);
    OP_REQUIRES_OK(context, scaler.Prepare());
    tensorflow::Tensor* output = nullptr;
    OP_REQUIRES_OK(context, AllocateCrops(context, crops, num_frames, height_, width_, &output));
    const int64_t pitch = frames.dim_size(2) * 3, frame_bytes = frames.dim_size(1) * pitch;
    const uint8_t* pixels =
        frames.flat<uint8_t>().data() + crops.hull.top * pitch + crops.hull.left * 3;
    for (int64_t frame = 0; frame < num_frames; ++frame) {
      scaler.Scale(pixels + frame * frame_bytes, pitch, frame, output->flat<uint8_t>().data());
    }
  }

 private:
  int64_t height_, width_;
};

REGISTER_KERNEL_BUILDER(Name("GsfTf>ScaleCrops").Device(tensorflow::DEVICE_CPU), ScaleCropsOp);

}  // namespace
}  // namespace gsf_tf
