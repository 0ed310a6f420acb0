#include "custom_ops/kernels/rubiks_shift_pointwise.h"
#include "custom_ops/tensorflow/rubiks_shift_op.h"

namespace gsf_tf {
namespace {

absl::Status KernelError(absl::string_view received) {
  return absl::InvalidArgumentError(
      absl::StrCat("kernel must be [channels, filters] with the channels of x, at least one, and "
                   "at least one filter. Received: ",
                   received));
}

absl::Status InferForward(InferenceContext* context) {
  ShapeHandle x, shift, shifted, kernel, y;
  TF_RETURN_IF_ERROR(InferOutput(context, &x, &shift, &shifted));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 2, &kernel));
  const int64_t channels = context->Value(context->Dim(shifted, 3));
  const int64_t rows = context->Value(context->Dim(kernel, 0));
  if ((channels >= 0 && rows >= 0 && channels != rows) || channels == 0 ||
      context->Value(context->Dim(kernel, 1)) == 0) {
    return KernelError(absl::StrCat("x of shape ", context->DebugString(x), ", kernel of shape ",
                                    context->DebugString(kernel)));
  }
  TF_RETURN_IF_ERROR(context->ReplaceDim(shifted, 3, context->Dim(kernel, 1), &y));
  int addends;
  TF_RETURN_IF_ERROR(context->GetAttr("addends", &addends));
  if (addends == 1) TF_RETURN_IF_ERROR(context->Merge(context->input(3), y, &y));
  context->set_output(0, y);
  return absl::OkStatus();
}

absl::Status InferGradient(InferenceContext* context) {
  ShapeHandle x, shift, shifted, y, all;
  TF_RETURN_IF_ERROR(InferOutput(context, &x, &shift, &shifted));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 4, &y));
  const DimensionHandle filters = context->Dim(y, 3);
  TF_RETURN_IF_ERROR(context->ReplaceDim(shifted, 3, filters, &all));
  TF_RETURN_IF_ERROR(context->Merge(all, y, &y));
  context->set_output(0, context->Matrix(context->Dim(shifted, 3), filters));
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>RubiksShiftPointwise")
    .Input("x: T")
    .Input("shift: S")
    .Input("kernel: S")
    .Input("addend: addends * T")
    .Output("y: T")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("addends: int >= 0")
    .Attr("num_segments: int >= 1")
    .Attr("strides: list(int)")
    .Attr("quantized: bool")
    .SetShapeFn(InferForward)
    .Doc(R"doc(
GsfTf>RubiksShift and the 1x1 convolution after it; the shifted map is never written as a whole.

kernel: [channels, filters], of the type of shift.
addend: Nothing, or one tensor like y that is added to the convolution.
addends: 0 or 1.
)doc");

REGISTER_OP("GsfTf>RubiksShiftPointwiseGradient")
    .Input("x: T")
    .Input("shift: S")
    .Input("y_gradient: T")
    .Output("kernel_gradient: S")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("S: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("strides: list(int)")
    .Attr("quantized: bool")
    .SetShapeFn(InferGradient)
    .Doc(R"doc(
The kernel's gradient of GsfTf>RubiksShiftPointwise for the gradient of its output.
)doc");

namespace {

// What both passes compute with.
struct Call {
  const gsf_rubiks_shift_shape& shape;
  const Tensor& x;
  const Tensor& shift;
  int64_t filters;

  // As many multiply-adds per cycle as two vectors have.
  int64_t cycles() const { return x.NumElements() + x.NumElements() / 16 * filters; }
};

template <typename Device>
absl::Status RunForward(OpKernelContext* context, const Call& call, const Tensor& kernel,
                        const Tensor* addend, Tensor* y);
template <typename Device>
absl::Status RunGradient(OpKernelContext* context, const Call& call, const Tensor& y_gradient,
                         Tensor* kernel_gradient);

const void* DataOf(const Tensor* tensor) { return tensor == nullptr ? nullptr : tensor->data(); }

template <>
absl::Status RunForward<CpuDevice>(OpKernelContext* context, const Call& call, const Tensor& kernel,
                                   const Tensor* addend, Tensor* y) {
  const Plan plan(gsf_rubiks_shift_new_plan_cpu(call.shift.data(), &call.shape, false));
  ForUnits(context, gsf_rubiks_shift_pointwise_units_cpu(plan.get()), call.cycles(),
           [&](int64_t first, int64_t last) {
             gsf_rubiks_shift_pointwise_cpu(call.x.data(), kernel.data(), DataOf(addend), y->data(),
                                            call.filters, plan.get(), first, last);
           });
  return absl::OkStatus();
}

template <>
absl::Status RunGradient<CpuDevice>(OpKernelContext* context, const Call& call,
                                    const Tensor& y_gradient, Tensor* kernel_gradient) {
  const Plan plan(gsf_rubiks_shift_new_plan_cpu(call.shift.data(), &call.shape, false));
  Tensor sums;
  TF_RETURN_IF_ERROR(context->allocate_temp(
      kernel_gradient->dtype(), {gsf_rubiks_shift_pointwise_sums_cpu(plan.get(), call.filters)},
      &sums));
  ForUnits(context, gsf_rubiks_shift_pointwise_gradient_units_cpu(plan.get()), call.cycles(),
           [&](int64_t first, int64_t last) {
             gsf_rubiks_shift_pointwise_gradient_cpu(call.x.data(), y_gradient.data(), sums.data(),
                                                     call.filters, plan.get(), first, last);
           });
  gsf_rubiks_shift_pointwise_add_sums_cpu(sums.data(), kernel_gradient->data(), call.filters,
                                          plan.get());
  return absl::OkStatus();
}

#ifdef GOOGLE_CUDA
template <>
absl::Status RunForward<Eigen::GpuDevice>(OpKernelContext* context, const Call& call,
                                          const Tensor& kernel, const Tensor* addend, Tensor* y) {
  return LaunchStatus(
      "GsfTf>RubiksShiftPointwise",
      gsf_rubiks_shift_pointwise_cuda(call.x.data(), call.shift.data(), kernel.data(),
                                      DataOf(addend), y->data(), call.filters, &call.shape,
                                      context->eigen_device<Eigen::GpuDevice>().stream()));
}

template <>
absl::Status RunGradient<Eigen::GpuDevice>(OpKernelContext* context, const Call& call,
                                           const Tensor& y_gradient, Tensor* kernel_gradient) {
  Tensor workspace;
  TF_RETURN_IF_ERROR(context->allocate_temp(
      tensorflow::DT_INT8,
      {gsf_rubiks_shift_pointwise_gradient_workspace_cuda(&call.shape, call.filters)}, &workspace));
  return LaunchStatus("GsfTf>RubiksShiftPointwiseGradient",
                      gsf_rubiks_shift_pointwise_gradient_cuda(
                          call.x.data(), call.shift.data(), y_gradient.data(),
                          kernel_gradient->data(), workspace.data(), call.filters, &call.shape,
                          context->eigen_device<Eigen::GpuDevice>().stream()));
}
#endif

template <typename Device>
class RubiksShiftPointwiseOp : public RubiksShiftOpBase {
 public:
  explicit RubiksShiftPointwiseOp(OpKernelConstruction* context) : RubiksShiftOpBase(context) {
    OP_REQUIRES_OK(context, context->GetAttr("addends", &addends_));
    OP_REQUIRES(
        context, addends_ <= 1,
        absl::InvalidArgumentError(absl::StrCat("addends must be 0 or 1. Received: ", addends_)));
  }

  void Compute(OpKernelContext* context) override {
    gsf_rubiks_shift_shape shape;
    tensorflow::TensorShape y_shape;
    OP_REQUIRES_OK(context, CheckInputs(context, &shape, &y_shape));
    const Tensor& x = context->input(0);
    const Tensor& kernel = context->input(2);
    OP_REQUIRES(context,
                kernel.dims() == 2 && kernel.dim_size(0) == shape.channels &&
                    kernel.dim_size(0) > 0 && kernel.dim_size(1) > 0,
                KernelError(absl::StrCat("x of shape ", x.shape().DebugString(),
                                         ", kernel of shape ", kernel.shape().DebugString())));
    OP_REQUIRES_OK(context, y_shape.SetDimWithStatus(3, kernel.dim_size(1)));
    const Tensor* addend = addends_ == 1 ? &context->input(3) : nullptr;
    OP_REQUIRES(context, addend == nullptr || addend->shape() == y_shape,
                absl::InvalidArgumentError(
                    absl::StrCat("addend must have the shape of y, ", y_shape.DebugString(),
                                 ". Received: addend of shape ",
                                 addend == nullptr ? "" : addend->shape().DebugString())));
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, y_shape, &y));
    if (y->NumElements() == 0) return;
    const Call call = {shape, x, context->input(1), kernel.dim_size(1)};
    OP_REQUIRES_OK(context, RunForward<Device>(context, call, kernel, addend, y));
  }

 private:
  int addends_;
};

template <typename Device>
class RubiksShiftPointwiseGradientOp : public RubiksShiftOpBase {
 public:
  using RubiksShiftOpBase::RubiksShiftOpBase;

  void Compute(OpKernelContext* context) override {
    gsf_rubiks_shift_shape shape;
    tensorflow::TensorShape shifted, y_shape;
    OP_REQUIRES_OK(context, CheckInputs(context, &shape, &shifted));
    const Tensor& x = context->input(0);
    const Tensor& y_gradient = context->input(2);
    if (y_gradient.dims() == 4) {
      y_shape = shifted;
      OP_REQUIRES_OK(context, y_shape.SetDimWithStatus(3, y_gradient.dim_size(3)));
    }
    OP_REQUIRES(context, y_gradient.dims() == 4 && y_gradient.shape() == y_shape,
                absl::InvalidArgumentError(absl::StrCat(
                    "y_gradient must have the shape of the shifted map, ", shifted.DebugString(),
                    ", but for the channels. Received: y_gradient of shape ",
                    y_gradient.shape().DebugString())));
    const int64_t filters = y_gradient.dim_size(3);
    Tensor* kernel_gradient = nullptr;
    OP_REQUIRES_OK(context,
                   AllocateOutput(context, 0, {shape.channels, filters}, &kernel_gradient));
    if (x.NumElements() == 0 || y_gradient.NumElements() == 0) {
      FillBytes(context->eigen_device<Device>(), kernel_gradient, kZeros);
      return;
    }
    const Call call = {shape, x, context->input(1), filters};
    OP_REQUIRES_OK(context, RunGradient<Device>(context, call, y_gradient, kernel_gradient));
  }
};

#define REGISTER(DEVICE, DEVICE_TYPE, TYPE)                          \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>RubiksShiftPointwise")         \
                              .Device(tensorflow::DEVICE_TYPE)       \
                              .TypeConstraint<TYPE>("T"),            \
                          RubiksShiftPointwiseOp<DEVICE>);           \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>RubiksShiftPointwiseGradient") \
                              .Device(tensorflow::DEVICE_TYPE)       \
                              .TypeConstraint<TYPE>("T"),            \
                          RubiksShiftPointwiseGradientOp<DEVICE>)

GSF_FOR_EACH_KERNEL(REGISTER);

}  // namespace
}  // namespace gsf_tf
