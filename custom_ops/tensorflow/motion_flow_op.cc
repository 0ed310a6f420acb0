#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "custom_ops/kernels/motion_flow.h"
#include "custom_ops/tensorflow/typed_kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::DataType;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// MAX_WINDOW in gsf_tf/ops/motion_flow.py is the same number.
constexpr int64_t kMaxWindow = 255;

struct Attributes {
  int64_t num_segments, window;
  float sigma, temperature;
};

template <typename Context>
absl::Status GetAttributes(Context* context, Attributes* attributes) {
  TF_RETURN_IF_ERROR(context->GetAttr("num_segments", &attributes->num_segments));
  TF_RETURN_IF_ERROR(context->GetAttr("window", &attributes->window));
  TF_RETURN_IF_ERROR(context->GetAttr("sigma", &attributes->sigma));
  TF_RETURN_IF_ERROR(context->GetAttr("temperature", &attributes->temperature));
  const int64_t window = attributes->window;
  if (window < 3 || window > kMaxWindow || window % 2 == 0) {
    return absl::InvalidArgumentError(absl::StrCat("window must be an odd integer in 3..",
                                                   kMaxWindow, ". Received: window ", window, "."));
  }
  for (const auto& [name, value] :
       {std::pair<const char*, float>{"sigma", attributes->sigma},
        std::pair<const char*, float>{"temperature", attributes->temperature}}) {
    if (!(value > 0) || !std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " must be a finite number > 0. Received: ", name, " ", value, "."));
    }
  }
  return absl::OkStatus();
}

// Unknown dimensions are negative and pass. `shape` is the text of the shape received.
absl::Status CheckShape(const Attributes& attributes, int64_t frames, int64_t channels,
                        absl::string_view shape) {
  if (frames >= 0 && frames % attributes.num_segments != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("The first dimension of x must be a multiple of num_segments (batch * time). "
                     "Received: x of shape ",
                     shape, " and num_segments ", attributes.num_segments, "."));
  }
  if (channels == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("x must have at least one channel. Received: x of shape ", shape, "."));
  }
  return absl::OkStatus();
}

// Of what is kept per frame that has one after it in its clip.
std::vector<int64_t> SavedShape(const Attributes& attributes, int64_t frames, int64_t height,
                                int64_t width) {
  constexpr int64_t kUnknown = InferenceContext::kUnknownDim;
  return {frames < 0 ? kUnknown : frames - frames / attributes.num_segments, height,
          GSF_MOTION_FLOW_SAVED, width};
}

absl::Status InferShapes(InferenceContext* context, ShapeHandle* x, ShapeHandle* y,
                         ShapeHandle* saved) {
  Attributes attributes;
  TF_RETURN_IF_ERROR(GetAttributes(context, &attributes));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, x));
  const auto length = [&](int axis) { return context->Value(context->Dim(*x, axis)); };
  TF_RETURN_IF_ERROR(CheckShape(attributes, length(0), length(3), context->DebugString(*x)));
  *y = context->MakeShape(
      {context->Dim(*x, 0), context->Dim(*x, 1), context->Dim(*x, 2), context->MakeDim(3)});
  std::vector<DimensionHandle> dims;
  for (const int64_t size : SavedShape(attributes, length(0), length(1), length(2))) {
    dims.push_back(context->MakeDim(size));
  }
  *saved = context->MakeShape(dims);
  return absl::OkStatus();
}

absl::Status InferForward(InferenceContext* context) {
  ShapeHandle x, y, saved;
  TF_RETURN_IF_ERROR(InferShapes(context, &x, &y, &saved));
  context->set_output(0, y);
  context->set_output(1, saved);
  return absl::OkStatus();
}

absl::Status InferGradient(InferenceContext* context) {
  ShapeHandle x, y, saved;
  TF_RETURN_IF_ERROR(InferShapes(context, &x, &y, &saved));
  TF_RETURN_IF_ERROR(context->Merge(context->input(1), saved, &saved));
  TF_RETURN_IF_ERROR(context->Merge(context->input(2), y, &y));
  context->set_output(0, x);
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>MotionFlow")
    .Input("x: T")
    .Output("y: T")
    .Output("saved: S")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("num_segments: int >= 2")
    .Attr("window: int")
    .Attr("sigma: float")
    .Attr("temperature: float")
    .SetShapeFn(InferForward)
    .Doc(R"doc(
The displacement of each position to the next frame of its clip, and how sure it is (MotionSqueeze).

x: [batch * num_segments, height, width, channels]. Positions outside of the map are zeros.
y: [batch * num_segments, height, width, 3]: x and y as shares of window // 2, and the largest
  correlation. The last frame of a clip has those of the one before.
saved: [batch * (num_segments - 1), height, 6, width], for the gradient.
S: double where T is, else float.
num_segments: Frames per clip.
window: Displacements in each direction, an odd number.
sigma: Standard deviation of the Gaussian around the largest correlation.
temperature: Factor of the softmax.
)doc");

REGISTER_OP("GsfTf>MotionFlowGradient")
    .Input("x: T")
    .Input("saved: S")
    .Input("y_gradient: T")
    .Output("x_gradient: T")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("num_segments: int >= 2")
    .Attr("window: int")
    .Attr("sigma: float")
    .Attr("temperature: float")
    .SetShapeFn(InferGradient)
    .Doc(R"doc(
The gradient of GsfTf>MotionFlow for the gradient of its first output.
)doc");

namespace {

gsf_dtype DtypeOf(DataType type) {
  switch (type) {
    case tensorflow::DT_BFLOAT16:
      return GSF_BFLOAT16;
    case tensorflow::DT_HALF:
      return GSF_FLOAT16;
    case tensorflow::DT_DOUBLE:
      return GSF_FLOAT64;
    default:
      return GSF_FLOAT32;
  }
}

template <typename Device>
absl::Status RunForward(OpKernelContext* context, const gsf_motion_flow_shape& shape,
                        const Tensor& x, Tensor* y, Tensor* saved);
template <typename Device>
absl::Status RunGradient(OpKernelContext* context, const gsf_motion_flow_shape& shape,
                         const Tensor& x, const Tensor& saved, const Tensor& y_gradient,
                         Tensor* x_gradient);

absl::Status AllocateBytes(OpKernelContext* context, int64_t bytes, Tensor* workspace) {
  tensorflow::TensorShape shape;
  TF_RETURN_IF_ERROR(tensorflow::TensorShape::BuildTensorShape({bytes}, &shape));
  return context->allocate_temp(tensorflow::DT_INT8, shape, workspace);
}

// Runs work(first, last) over all rows of all frames.
template <typename Work>
void ForRows(OpKernelContext* context, const gsf_motion_flow_shape& shape, int64_t cycles,
             Work work) {
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      shape.num_frames * shape.height, std::max<int64_t>(cycles, 1), work);
}

// Multiply-adds of the correlations of a row.
int64_t RowProducts(const gsf_motion_flow_shape& shape) {
  return std::min(shape.window, shape.height) * std::min(shape.window, 2 * shape.width) *
         shape.width * shape.channels;
}

// Normalizes the features into a workspace.
absl::Status Normalize(OpKernelContext* context, const gsf_motion_flow_shape& shape,
                       const Tensor& x, Tensor* workspace) {
  TF_RETURN_IF_ERROR(AllocateBytes(context, gsf_motion_flow_workspace_cpu(&shape), workspace));
  ForRows(context, shape, 2 * shape.width * shape.channels, [&](int64_t first, int64_t last) {
    gsf_motion_flow_normalize_cpu(x.data(), workspace->data(), &shape, first, last);
  });
  return absl::OkStatus();
}

template <>
absl::Status RunForward<CpuDevice>(OpKernelContext* context, const gsf_motion_flow_shape& shape,
                                   const Tensor& x, Tensor* y, Tensor* saved) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(Normalize(context, shape, x, &workspace));
  // Vectors, with about a load per multiply-add.
  ForRows(context, shape, RowProducts(shape) / 10, [&](int64_t first, int64_t last) {
    gsf_motion_flow_cpu(workspace.data(), y->data(), saved->data(), &shape, first, last);
  });
  return absl::OkStatus();
}

template <>
absl::Status RunGradient<CpuDevice>(OpKernelContext* context, const gsf_motion_flow_shape& shape,
                                    const Tensor& x, const Tensor& saved, const Tensor& y_gradient,
                                    Tensor* x_gradient) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(Normalize(context, shape, x, &workspace));
  ForRows(context, shape, RowProducts(shape) / 2, [&](int64_t first, int64_t last) {
    gsf_motion_flow_gradient_cpu(workspace.data(), saved.data(), y_gradient.data(),
                                 x_gradient->data(), &shape, first, last);
  });
  return absl::OkStatus();
}

#ifdef GOOGLE_CUDA
template <>
absl::Status RunForward<Eigen::GpuDevice>(OpKernelContext* context,
                                          const gsf_motion_flow_shape& shape, const Tensor& x,
                                          Tensor* y, Tensor* saved) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(AllocateBytes(context, gsf_motion_flow_workspace_cuda(&shape), &workspace));
  return LaunchStatus(
      "GsfTf>MotionFlow",
      gsf_motion_flow_cuda(x.data(), y->data(), saved->data(), workspace.data(), &shape,
                           context->eigen_device<Eigen::GpuDevice>().stream()));
}

template <>
absl::Status RunGradient<Eigen::GpuDevice>(OpKernelContext* context,
                                           const gsf_motion_flow_shape& shape, const Tensor& x,
                                           const Tensor& saved, const Tensor& y_gradient,
                                           Tensor* x_gradient) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(
      AllocateBytes(context, gsf_motion_flow_gradient_workspace_cuda(&shape), &workspace));
  return LaunchStatus(
      "GsfTf>MotionFlowGradient",
      gsf_motion_flow_gradient_cuda(x.data(), saved.data(), y_gradient.data(), x_gradient->data(),
                                    workspace.data(), &shape,
                                    context->eigen_device<Eigen::GpuDevice>().stream()));
}
#endif

class MotionFlowOpBase : public tensorflow::OpKernel {
 public:
  explicit MotionFlowOpBase(OpKernelConstruction* context) : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, GetAttributes(context, &attributes_));
    DataType x, saved;
    OP_REQUIRES_OK(context, context->GetAttr("T", &x));
    OP_REQUIRES_OK(context, context->GetAttr("S", &saved));
    OP_REQUIRES(
        context, (x == tensorflow::DT_DOUBLE) == (saved == tensorflow::DT_DOUBLE),
        absl::InvalidArgumentError(absl::StrCat(
            "saved must be double where x is double and else float. Received: x of type ",
            tensorflow::DataTypeString(x), ", saved of type ", tensorflow::DataTypeString(saved))));
  }

 protected:
  // Checks the first input; it gives the kernel's shape and those of the outputs.
  absl::Status CheckInput(OpKernelContext* context, gsf_motion_flow_shape* shape,
                          std::vector<int64_t>* y, std::vector<int64_t>* saved) const {
    const Tensor& x = context->input(0);
    const std::string received = x.shape().DebugString();
    if (x.dims() != 4) {
      return absl::InvalidArgumentError(absl::StrCat(
          "x must be [batch * num_segments, height, width, channels]. Received: x of shape ",
          received, "."));
    }
    TF_RETURN_IF_ERROR(CheckShape(attributes_, x.dim_size(0), x.dim_size(3), received));
    shape->num_frames = x.dim_size(0);
    shape->num_segments = attributes_.num_segments;
    shape->height = x.dim_size(1);
    shape->width = x.dim_size(2);
    shape->channels = x.dim_size(3);
    shape->window = attributes_.window;
    shape->sigma = attributes_.sigma;
    shape->temperature = attributes_.temperature;
    shape->dtype = DtypeOf(x.dtype());
    *y = {x.dim_size(0), x.dim_size(1), x.dim_size(2), 3};
    *saved = SavedShape(attributes_, x.dim_size(0), x.dim_size(1), x.dim_size(2));
    return absl::OkStatus();
  }

 private:
  Attributes attributes_;
};

template <typename Device>
class MotionFlowOp : public MotionFlowOpBase {
 public:
  using MotionFlowOpBase::MotionFlowOpBase;

  void Compute(OpKernelContext* context) override {
    gsf_motion_flow_shape shape;
    std::vector<int64_t> y_shape, saved_shape;
    OP_REQUIRES_OK(context, CheckInput(context, &shape, &y_shape, &saved_shape));
    Tensor *y = nullptr, *saved = nullptr;
    OP_REQUIRES_OK(context, AllocateOutput(context, 0, y_shape, &y));
    OP_REQUIRES_OK(context, AllocateOutput(context, 1, saved_shape, &saved));
    if (y->NumElements() == 0) return;
    OP_REQUIRES_OK(context, RunForward<Device>(context, shape, context->input(0), y, saved));
  }
};

template <typename Device>
class MotionFlowGradientOp : public MotionFlowOpBase {
 public:
  using MotionFlowOpBase::MotionFlowOpBase;

  void Compute(OpKernelContext* context) override {
    gsf_motion_flow_shape shape;
    std::vector<int64_t> y_shape, saved_shape;
    OP_REQUIRES_OK(context, CheckInput(context, &shape, &y_shape, &saved_shape));
    OP_REQUIRES_OK(context, Require(context, 1, "saved", saved_shape));
    OP_REQUIRES_OK(context, Require(context, 2, "y_gradient", y_shape));
    const Tensor& x = context->input(0);
    Tensor* x_gradient = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &x_gradient));
    if (x.NumElements() == 0) return;
    OP_REQUIRES_OK(context, RunGradient<Device>(context, shape, x, context->input(1),
                                                context->input(2), x_gradient));
  }

 private:
  absl::Status Require(OpKernelContext* context, int input, const char* name,
                       const std::vector<int64_t>& dims) const {
    const auto found = context->input(input).shape().dim_sizes();
    if (std::equal(found.begin(), found.end(), dims.begin(), dims.end())) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must have the shape [", absl::StrJoin(dims, ","), "] for x of shape ",
                     context->input(0).shape().DebugString(), ". Received: ", name, " of shape ",
                     context->input(input).shape().DebugString(), "."));
  }
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                                                       \
  REGISTER_KERNEL_BUILDER(                                                                        \
      Name("GsfTf>MotionFlow").Device(tensorflow::DEVICE_TYPE).TypeConstraint<TYPE>("T"),         \
      MotionFlowOp<DEVICE>);                                                                      \
  REGISTER_KERNEL_BUILDER(                                                                        \
      Name("GsfTf>MotionFlowGradient").Device(tensorflow::DEVICE_TYPE).TypeConstraint<TYPE>("T"), \
      MotionFlowGradientOp<DEVICE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
