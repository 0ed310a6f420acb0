#include "custom_ops/tensorflow/rubiks_shift_op.h"

namespace gsf_tf {
namespace {

absl::Status InferForward(InferenceContext* context) {
  ShapeHandle x, shift, y;
  TF_RETURN_IF_ERROR(InferOutput(context, &x, &shift, &y));
  context->set_output(0, y);
  return absl::OkStatus();
}

absl::Status InferGradient(InferenceContext* context) {
  ShapeHandle x, shift, y;
  TF_RETURN_IF_ERROR(InferOutput(context, &x, &shift, &y));
  TF_RETURN_IF_ERROR(context->Merge(context->input(2), y, &y));
  context->set_output(0, x);
  context->set_output(1, shift);
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>RubiksShift")
    .Input("x: T")
    .Input("shift: S")
    .Output("y: T")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("strides: list(int)")
    .Attr("quantized: bool")
    .SetShapeFn(InferForward)
    .Doc(R"doc(
Samples every channel at positions moved by the channel's own shift, trilinearly; zero outside.

x: [batch * num_segments, height, width, channels].
shift: [3, channels], time, vertical, horizontal; or [2, channels], vertical, horizontal. Double
  where x is double, else float.
num_segments: Frames per clip; without effect on [2, channels].
strides: Of time, height and width.
quantized: The shifts are rounded, halves up; their gradient is that of the interpolation.
)doc");

REGISTER_OP("GsfTf>RubiksShiftGradient")
    .Input("x: T")
    .Input("shift: S")
    .Input("y_gradient: T")
    .Output("x_gradient: T")
    .Output("shift_gradient: S")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("strides: list(int)")
    .Attr("quantized: bool")
    .SetShapeFn(InferGradient)
    .Doc(R"doc(
The gradients of GsfTf>RubiksShift for the gradient of its output.
)doc");

namespace {

template <typename Device>
absl::Status RunForward(OpKernelContext* context, const gsf_rubiks_shift_shape& shape,
                        const Tensor& x, const Tensor& shift, Tensor* y);
template <typename Device>
absl::Status RunGradient(OpKernelContext* context, const gsf_rubiks_shift_shape& shape,
                         const Tensor& x, const Tensor& shift, const Tensor& y_gradient,
                         Tensor* x_gradient, Tensor* shift_gradient);

template <>
absl::Status RunForward<CpuDevice>(OpKernelContext* context, const gsf_rubiks_shift_shape& shape,
                                   const Tensor& x, const Tensor& shift, Tensor* y) {
  const Plan plan(gsf_rubiks_shift_new_plan_cpu(shift.data(), &shape, false));
  // Nine multiply-adds and a little more per element, in vectors.
  ForUnits(context, gsf_rubiks_shift_units_cpu(plan.get()), x.NumElements(),
           [&](int64_t first, int64_t last) {
             gsf_rubiks_shift_cpu(x.data(), y->data(), plan.get(), first, last);
           });
  return absl::OkStatus();
}

template <>
absl::Status RunGradient<CpuDevice>(OpKernelContext* context, const gsf_rubiks_shift_shape& shape,
                                    const Tensor& x, const Tensor& shift, const Tensor& y_gradient,
                                    Tensor* x_gradient, Tensor* shift_gradient) {
  const Plan plan(gsf_rubiks_shift_new_plan_cpu(shift.data(), &shape, true));
  Tensor sums;
  TF_RETURN_IF_ERROR(context->allocate_temp(
      tensorflow::DT_DOUBLE, {gsf_rubiks_shift_gradient_sums_cpu(plan.get())}, &sums));
  double* partial_sums = sums.flat<double>().data();
  ForUnits(context, gsf_rubiks_shift_gradient_units_cpu(plan.get()), 3 * x.NumElements(),
           [&](int64_t first, int64_t last) {
             gsf_rubiks_shift_gradient_cpu(x.data(), y_gradient.data(), x_gradient->data(),
                                           partial_sums, plan.get(), first, last);
           });
  gsf_rubiks_shift_add_sums_cpu(partial_sums, shift_gradient->data(), plan.get());
  return absl::OkStatus();
}

#ifdef GOOGLE_CUDA
template <>
absl::Status RunForward<Eigen::GpuDevice>(OpKernelContext* context,
                                          const gsf_rubiks_shift_shape& shape, const Tensor& x,
                                          const Tensor& shift, Tensor* y) {
  return LaunchStatus("GsfTf>RubiksShift",
                      gsf_rubiks_shift_cuda(x.data(), shift.data(), y->data(), &shape,
                                            context->eigen_device<Eigen::GpuDevice>().stream()));
}

template <>
absl::Status RunGradient<Eigen::GpuDevice>(OpKernelContext* context,
                                           const gsf_rubiks_shift_shape& shape, const Tensor& x,
                                           const Tensor& shift, const Tensor& y_gradient,
                                           Tensor* x_gradient, Tensor* shift_gradient) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(context->allocate_temp(tensorflow::DT_INT8,
                                            {gsf_rubiks_shift_workspace_cuda(&shape)}, &workspace));
  return LaunchStatus(
      "GsfTf>RubiksShiftGradient",
      gsf_rubiks_shift_gradient_cuda(x.data(), shift.data(), y_gradient.data(), x_gradient->data(),
                                     shift_gradient->data(), workspace.data(), &shape,
                                     context->eigen_device<Eigen::GpuDevice>().stream()));
}
#endif

template <typename Device>
class RubiksShiftOp : public RubiksShiftOpBase {
 public:
  using RubiksShiftOpBase::RubiksShiftOpBase;

  void Compute(OpKernelContext* context) override {
    gsf_rubiks_shift_shape shape;
    tensorflow::TensorShape y_shape;
    OP_REQUIRES_OK(context, CheckInputs(context, &shape, &y_shape));
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, y_shape, &y));
    if (y->NumElements() == 0) return;
    OP_REQUIRES_OK(context,
                   RunForward<Device>(context, shape, context->input(0), context->input(1), y));
  }
};

template <typename Device>
class RubiksShiftGradientOp : public RubiksShiftOpBase {
 public:
  using RubiksShiftOpBase::RubiksShiftOpBase;

  void Compute(OpKernelContext* context) override {
    gsf_rubiks_shift_shape shape;
    tensorflow::TensorShape y_shape;
    OP_REQUIRES_OK(context, CheckInputs(context, &shape, &y_shape));
    const Tensor& x = context->input(0);
    const Tensor& shift = context->input(1);
    const Tensor& y_gradient = context->input(2);
    OP_REQUIRES(context, y_gradient.shape() == y_shape,
                absl::InvalidArgumentError(absl::StrCat(
                    "y_gradient must have the shape of y, ", y_shape.DebugString(),
                    ". Received: y_gradient of shape ", y_gradient.shape().DebugString())));
    Tensor* x_gradient = nullptr;
    Tensor* shift_gradient = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &x_gradient));
    OP_REQUIRES_OK(context, context->allocate_output(1, shift.shape(), &shift_gradient));
    if (x.NumElements() == 0) {
      // Also where the empty tensor has any number of frames, and a frame any number of rows.
      FillBytes(context->eigen_device<Device>(), shift_gradient, kZeros);
      return;
    }
    OP_REQUIRES_OK(context, RunGradient<Device>(context, shape, x, shift, y_gradient, x_gradient,
                                                shift_gradient));
  }
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                                                        \
  REGISTER_KERNEL_BUILDER(                                                                         \
      Name("GsfTf>RubiksShift").Device(tensorflow::DEVICE_TYPE).TypeConstraint<TYPE>("T"),         \
      RubiksShiftOp<DEVICE>);                                                                      \
  REGISTER_KERNEL_BUILDER(                                                                         \
      Name("GsfTf>RubiksShiftGradient").Device(tensorflow::DEVICE_TYPE).TypeConstraint<TYPE>("T"), \
      RubiksShiftGradientOp<DEVICE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
