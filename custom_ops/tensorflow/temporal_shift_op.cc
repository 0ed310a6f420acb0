#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "custom_ops/kernels/temporal_shift.h"
#include "custom_ops/tensorflow/typed_kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// Unknown dimensions are negative and pass. `shape` is the text of the shape received.
absl::Status CheckShape(int64_t frames, int64_t channels, int64_t num_segments, int64_t fold,
                        absl::string_view shape) {
  if (frames >= 0 && frames % num_segments != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("The first dimension of x must be a multiple of num_segments (batch * time). "
                     "Received: x of shape ",
                     shape, " and num_segments ", num_segments, "."));
  }
  if (channels >= 0 && fold > channels / 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("Two folds must fit in the channels (2 * fold <= C). Received: x of shape ",
                     shape, ", that is C = ", channels, ", and fold ", fold, "."));
  }
  return absl::OkStatus();
}

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle x;
  TF_RETURN_IF_ERROR(context->WithRankAtLeast(context->input(0), 2, &x));
  context->set_output(0, x);
  if (!context->RankKnown(x)) return absl::OkStatus();
  int64_t num_segments, fold;
  TF_RETURN_IF_ERROR(context->GetAttr("num_segments", &num_segments));
  TF_RETURN_IF_ERROR(context->GetAttr("fold", &fold));
  return CheckShape(context->Value(context->Dim(x, 0)), context->Value(context->Dim(x, -1)),
                    num_segments, fold, context->DebugString(x));
}

}  // namespace

REGISTER_OP("GsfTf>TemporalShift")
    .Input("x: T")
    .Output("y: T")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("num_segments: int >= 1")
    .Attr("fold: int >= 0")
    .Attr("reverse: bool = false")
    .Attr("causal: bool = false")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Moves two groups of channels by one frame: the first `fold` channels of frame t read frame t + 1,
the next `fold` channels read frame t - 1, the rest stays; outside the clip they read zero.

x: [batch * num_segments, ..., channels].
num_segments: Frames per clip.
fold: Channels per direction; 2 * fold <= channels.
reverse: Swaps the two directions, which gives the adjoint.
causal: The first `fold` channels stay, so that no frame reads a later one.
)doc");

namespace {

template <typename Device>
absl::Status Run(tensorflow::OpKernelContext* context, const void* input, void* output,
                 const gsf_temporal_shift_shape& shape);

template <>
absl::Status Run<CpuDevice>(tensorflow::OpKernelContext* context, const void* input, void* output,
                            const gsf_temporal_shift_shape& shape) {
  // Cycles per row: a fixed part, and reading and writing at about three bytes per cycle.
  const int64_t cost_per_row = 15 + shape.row_bytes / 3;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      shape.num_frames * shape.rows_per_frame, cost_per_row,
      [&](int64_t first_row, int64_t last_row) {
        gsf_temporal_shift_cpu(input, output, &shape, first_row, last_row);
      });
  return absl::OkStatus();
}

#ifdef GOOGLE_CUDA
template <>
absl::Status Run<Eigen::GpuDevice>(tensorflow::OpKernelContext* context, const void* input,
                                   void* output, const gsf_temporal_shift_shape& shape) {
  return LaunchStatus("GsfTf>TemporalShift",
                      gsf_temporal_shift_cuda(input, output, &shape,
                                              context->eigen_device<Eigen::GpuDevice>().stream()));
}
#endif

template <typename Device>
class TemporalShiftOp : public tensorflow::OpKernel {
 public:
  explicit TemporalShiftOp(tensorflow::OpKernelConstruction* context)
      : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("num_segments", &num_segments_));
    OP_REQUIRES_OK(context, context->GetAttr("fold", &fold_));
    OP_REQUIRES_OK(context, context->GetAttr("reverse", &reverse_));
    OP_REQUIRES_OK(context, context->GetAttr("causal", &causal_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    OP_REQUIRES(context, x.dims() >= 2,
                absl::InvalidArgumentError(absl::StrCat(
                    "x must have at least two dimensions, [batch * num_segments, ..., channels]. "
                    "Received: x of shape ",
                    x.shape().DebugString(), ".")));
    const int64_t frames = x.dim_size(0);
    const int64_t channels = x.dim_size(x.dims() - 1);
    OP_REQUIRES_OK(context,
                   CheckShape(frames, channels, num_segments_, fold_, x.shape().DebugString()));
    if (fold_ == 0) {
      context->set_output(0, x);
      return;
    }
    tensorflow::Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    if (x.NumElements() == 0) return;

    const int64_t element_bytes = tensorflow::DataTypeSize(x.dtype());
    gsf_temporal_shift_shape shape;
    shape.num_frames = frames;
    shape.num_segments = num_segments_;
    shape.rows_per_frame = x.NumElements() / frames / channels;
    shape.row_bytes = channels * element_bytes;
    shape.fold_bytes = fold_ * element_bytes;
    shape.reverse = reverse_;
    shape.causal = causal_;
    OP_REQUIRES_OK(context, Run<Device>(context, x.data(), y->data(), shape));
  }

 private:
  int64_t num_segments_;
  int64_t fold_;
  bool reverse_;
  bool causal_;
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                                                  \
  REGISTER_KERNEL_BUILDER(                                                                   \
      Name("GsfTf>TemporalShift").Device(tensorflow::DEVICE_TYPE).TypeConstraint<TYPE>("T"), \
      TemporalShiftOp<DEVICE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
