#ifdef GOOGLE_CUDA
#define EIGEN_USE_GPU
#endif

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "custom_ops/kernels/gate_shift_fuse.h"
#include "custom_ops/kernels/temporal_shift.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace gsf_tf {
namespace {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// Unknown dimensions are negative and pass.
absl::Status CheckShape(int64_t frames, int64_t channels, int64_t processed, int64_t num_segments,
                        const std::string& x, const std::string& gamma) {
  const std::string received = absl::StrCat("; received x of shape ", x, ", gamma of shape ", gamma,
                                            " and num_segments ", num_segments, ".");
  if (frames >= 0 && frames % num_segments != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The first dimension of x must be a multiple of num_segments (batch * time)", received));
  }
  if (processed >= 0 && (processed == 0 || processed % 4 != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The number of processed channels, the length of gamma, must be a positive multiple of 4",
        received));
  }
  if (processed >= 0 && channels >= 0 && processed > channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The processed channels, the length of gamma, must not be more than those of x", received));
  }
  return absl::OkStatus();
}

absl::Status InferShape(InferenceContext* context) {
  ShapeHandle x, gamma;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &x));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 1, &gamma));
  int64_t num_segments;
  TF_RETURN_IF_ERROR(context->GetAttr("num_segments", &num_segments));
  std::string fusion;
  TF_RETURN_IF_ERROR(context->GetAttr("fusion", &fusion));
  const bool learned = fusion == "learned";
  const DimensionHandle frames = context->Dim(x, 0), processed = context->Dim(gamma, 0);
  TF_RETURN_IF_ERROR(CheckShape(context->Value(frames), context->Value(context->Dim(x, 3)),
                                context->Value(processed), num_segments, context->DebugString(x),
                                context->DebugString(gamma)));
  context->set_output(0, x);
  context->set_output(1, gamma);
  context->set_output(2, gamma);
  context->set_output(
      3, context->MakeShape({frames, context->Dim(x, 1), context->Dim(x, 2), context->MakeDim(2)}));
  const DimensionHandle rows = learned ? frames : context->MakeDim(0);
  context->set_output(4, context->MakeShape({rows, context->MakeDim(2), processed}));
  context->set_output(5, context->MakeShape({rows, processed}));
  return absl::OkStatus();
}

// Each gradient has the shape of what it is the gradient of.
absl::Status InferGradientShape(InferenceContext* context) {
  for (int output = 0; output < 7; ++output) {
    context->set_output(output, context->input(output));
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("GsfTf>GateShiftFuse")
    .Input("x: T")
    .Input("gamma: U")
    .Input("beta: U")
    .Input("moving_mean: U")
    .Input("moving_variance: U")
    .Input("gate_kernel: U")
    .Input("gate_bias: U")
    .Input("fusion_kernel: U")
    .Input("fusion_bias: U")
    .Output("y: T")
    .Output("mean: U")
    .Output("variance: U")
    .Output("gate: U")
    .Output("means: U")
    .Output("fusion_weight: U")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("U: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("epsilon: float")
    .Attr("training: bool")
    .Attr("fusion: {'learned', 'sum'}")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Gates the first channels of a clip, shifts them in time and fuses them again (GSF, GSM).

x: [batch * num_segments, height, width, channels].
gamma: [P], P channels are processed, a multiple of 4.
beta: [P].
moving_mean: [P]; not read in training.
moving_variance: [P]; not read in training.
gate_kernel: [3, 3, 3, P / 2, 2]: time, height, width, channel, half.
gate_bias: [2].
fusion_kernel: [2, 3, 3, 2]: half, channel, time, (shifted, residual); empty with fusion 'sum'.
fusion_bias: [2]; empty with fusion 'sum'.
mean: [P], what was used: the batch's in training.
variance: [P], biased, what was used.
gate: [batch * num_segments, height, width, 2].
means: [batch * num_segments, 2, P]: spatial means (shifted, residual); empty with fusion 'sum'.
fusion_weight: [batch * num_segments, P]; empty with fusion 'sum'.
U: double where T is, else float.
)doc");

REGISTER_OP("GsfTf>GateShiftFuseGradient")
    .Input("y_gradient: T")
    .Input("gamma: U")
    .Input("beta: U")
    .Input("gate_kernel: U")
    .Input("gate_bias: U")
    .Input("fusion_kernel: U")
    .Input("fusion_bias: U")
    .Input("x: T")
    .Input("mean: U")
    .Input("variance: U")
    .Input("gate: U")
    .Input("means: U")
    .Input("fusion_weight: U")
    .Output("x_gradient: T")
    .Output("gamma_gradient: U")
    .Output("beta_gradient: U")
    .Output("gate_kernel_gradient: U")
    .Output("gate_bias_gradient: U")
    .Output("fusion_kernel_gradient: U")
    .Output("fusion_bias_gradient: U")
    .Attr("T: {float, bfloat16, half, double}")
    .Attr("U: {float, double}")
    .Attr("num_segments: int >= 1")
    .Attr("epsilon: float")
    .Attr("training: bool")
    .Attr("fusion: {'learned', 'sum'}")
    .SetShapeFn(InferGradientShape)
    .Doc(R"doc(
Gradient of GsfTf>GateShiftFuse, from its inputs and outputs.
)doc");

namespace {

using CpuDevice = Eigen::ThreadPoolDevice;

template <typename T>
struct DtypeOf;
template <>
struct DtypeOf<float> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_FLOAT32;
};
template <>
struct DtypeOf<tensorflow::bfloat16> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_BFLOAT16;
};
template <>
struct DtypeOf<Eigen::half> {
  using Real = float;
  static constexpr gsf_dtype value = GSF_FLOAT16;
};
template <>
struct DtypeOf<double> {
  using Real = double;
  static constexpr gsf_dtype value = GSF_FLOAT64;
};

template <typename RunPass>
void RunOnThreads(OpKernelContext* context, const gsf_pass& pass, const RunPass& run) {
  if (pass.units == 0) return;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(pass.units,
                                                                           pass.unit_cycles, run);
}

absl::Status Run(OpKernelContext* context, const CpuDevice&,
                 const gsf_gate_shift_fuse_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  for (int pass = 0; pass < GSF_GATE_SHIFT_FUSE_PASSES; ++pass) {
    RunOnThreads(context, gsf_gate_shift_fuse_pass_cpu(&shape, pass),
                 [&](int64_t first, int64_t last) {
                   gsf_gate_shift_fuse_cpu(&tensors, &shape, pass, first, last);
                 });
  }
  return absl::OkStatus();
}

absl::Status Run(OpKernelContext* context, const CpuDevice&,
                 const gsf_gate_shift_fuse_gradient_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  for (int pass = 0; pass < GSF_GATE_SHIFT_FUSE_GRADIENT_PASSES; ++pass) {
    RunOnThreads(context, gsf_gate_shift_fuse_gradient_pass_cpu(&shape, pass),
                 [&](int64_t first, int64_t last) {
                   gsf_gate_shift_fuse_gradient_cpu(&tensors, &shape, pass, first, last);
                 });
  }
  return absl::OkStatus();
}

int64_t WorkspaceBytes(const CpuDevice&, const gsf_gate_shift_fuse_shape& shape, bool gradient) {
  return gradient ? gsf_gate_shift_fuse_gradient_workspace_cpu(&shape)
                  : gsf_gate_shift_fuse_workspace_cpu(&shape);
}

void Fill(const CpuDevice&, Tensor* tensor, double value) {
  if (tensor->dtype() == tensorflow::DT_DOUBLE) {
    tensor->flat<double>().setConstant(value);
  } else {
    tensor->flat<float>().setConstant(static_cast<float>(value));
  }
}

#ifdef GOOGLE_CUDA
absl::Status LaunchStatus(int error) {
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "The CUDA launch of GsfTf>GateShiftFuse failed: ", gsf_cuda_error_string(error), "."));
}

absl::Status Run(OpKernelContext*, const Eigen::GpuDevice& device,
                 const gsf_gate_shift_fuse_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  return LaunchStatus(gsf_gate_shift_fuse_cuda(tensors.x, &tensors.weights, tensors.y,
                                               &tensors.saved, tensors.workspace, &shape,
                                               device.stream()));
}

absl::Status Run(OpKernelContext*, const Eigen::GpuDevice& device,
                 const gsf_gate_shift_fuse_gradient_tensors& tensors,
                 const gsf_gate_shift_fuse_shape& shape) {
  return LaunchStatus(gsf_gate_shift_fuse_gradient_cuda(
      tensors.x, &tensors.weights, &tensors.saved, tensors.y_gradient, tensors.x_gradient,
      &tensors.gradients, tensors.workspace, &shape, device.stream()));
}

int64_t WorkspaceBytes(const Eigen::GpuDevice&, const gsf_gate_shift_fuse_shape& shape,
                       bool gradient) {
  return gradient ? gsf_gate_shift_fuse_gradient_workspace_cuda(&shape)
                  : gsf_gate_shift_fuse_workspace_cuda(&shape);
}

void Fill(const Eigen::GpuDevice& device, Tensor* tensor, double value) {
  if (tensor->dtype() == tensorflow::DT_DOUBLE) {
    auto flat = tensor->flat<double>();
    flat.device(device) = flat.constant(value);
  } else {
    auto flat = tensor->flat<float>();
    flat.device(device) = flat.constant(static_cast<float>(value));
  }
}
#endif

// What both directions share: attributes, checks, the shape, the workspace.
template <typename T>
class GateShiftFuseKernel : public tensorflow::OpKernel {
 protected:
  explicit GateShiftFuseKernel(tensorflow::OpKernelConstruction* context)
      : tensorflow::OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("num_segments", &num_segments_));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(context, context->GetAttr("training", &training_));
    std::string fusion;
    OP_REQUIRES_OK(context, context->GetAttr("fusion", &fusion));
    learned_fusion_ = fusion == "learned";
  }

  // Writes `shape`; the names say which input is which.
  absl::Status Check(OpKernelContext* context, gsf_gate_shift_fuse_shape* shape) const {
    const Tensor *x, *gamma;
    TF_RETURN_IF_ERROR(context->input("x", &x));
    TF_RETURN_IF_ERROR(context->input("gamma", &gamma));
    const std::string x_shape = x->shape().DebugString();
    if (x->dims() != 4 || gamma->dims() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "x must be [batch * num_segments, height, width, channels] and gamma [processed "
          "channels]; received x of shape ",
          x_shape, " and gamma of shape ", gamma->shape().DebugString(), "."));
    }
    const int64_t processed = gamma->dim_size(0);
    TF_RETURN_IF_ERROR(CheckShape(x->dim_size(0), x->dim_size(3), processed, num_segments_, x_shape,
                                  gamma->shape().DebugString()));
    *shape = {};
    shape->num_frames = x->dim_size(0);
    shape->num_segments = num_segments_;
    shape->height = x->dim_size(1);
    shape->width = x->dim_size(2);
    shape->channels = x->dim_size(3);
    shape->processed = processed;
    shape->epsilon = epsilon_;
    shape->training = training_;
    shape->learned_fusion = learned_fusion_;
    shape->dtype = DtypeOf<T>::value;
    TF_RETURN_IF_ERROR(Require(context, "beta", {processed}));
    TF_RETURN_IF_ERROR(Require(context, "gate_kernel", {3, 3, 3, processed / 2, 2}));
    TF_RETURN_IF_ERROR(Require(context, "gate_bias", {2}));
    if (learned_fusion_) {
      TF_RETURN_IF_ERROR(Require(context, "fusion_kernel", {2, 3, 3, 2}));
      TF_RETURN_IF_ERROR(Require(context, "fusion_bias", {2}));
    }
    return absl::OkStatus();
  }

  absl::Status Require(OpKernelContext* context, const char* name, const TensorShape& shape) const {
    const Tensor* tensor;
    TF_RETURN_IF_ERROR(context->input(name, &tensor));
    if (tensor->shape() == shape) return absl::OkStatus();
    const Tensor *x, *gamma;
    TF_RETURN_IF_ERROR(context->input("x", &x));
    TF_RETURN_IF_ERROR(context->input("gamma", &gamma));
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must have the shape ", shape.DebugString(), " for x of shape ",
                     x->shape().DebugString(), " and gamma of shape ", gamma->shape().DebugString(),
                     "; received ", name, " of shape ", tensor->shape().DebugString(), "."));
  }

  const void* Input(OpKernelContext* context, const char* name) const {
    const Tensor* tensor;
    TF_CHECK_OK(context->input(name, &tensor));
    return tensor->NumElements() == 0 ? nullptr : tensor->data();
  }

  void* Saved(OpKernelContext* context, const char* name) const {
    return const_cast<void*>(Input(context, name));
  }

  int64_t num_segments_;
  float epsilon_;
  bool training_, learned_fusion_;
};

template <typename Device, typename T>
class GateShiftFuseOp : public GateShiftFuseKernel<T> {
 public:
  explicit GateShiftFuseOp(tensorflow::OpKernelConstruction* context)
      : GateShiftFuseKernel<T>(context) {}

  void Compute(OpKernelContext* context) override {
    gsf_gate_shift_fuse_shape shape;
    OP_REQUIRES_OK(context, this->Check(context, &shape));
    const TensorShape channels({shape.processed});
    OP_REQUIRES_OK(context, this->Require(context, "moving_mean", channels));
    OP_REQUIRES_OK(context, this->Require(context, "moving_variance", channels));
    const Tensor& x = context->input(0);
    // Held so that `x` still has its data where the buffer becomes that of `y`.
    const void* const x_data = x.data();
    const bool is_empty = x.NumElements() == 0;
    const int64_t rows = shape.learned_fusion ? shape.num_frames : 0;
    Tensor *y, *mean, *variance, *gate, *means, *fusion;
    OP_REQUIRES_OK(context, context->allocate_output(1, channels, &mean));
    OP_REQUIRES_OK(context, context->allocate_output(2, channels, &variance));
    OP_REQUIRES_OK(context, context->allocate_output(
                                3, {shape.num_frames, shape.height, shape.width, 2}, &gate));
    OP_REQUIRES_OK(context, context->allocate_output(4, {rows, 2, shape.processed}, &means));
    OP_REQUIRES_OK(context, context->allocate_output(5, {rows, shape.processed}, &fusion));
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, x.shape(), &y));
    const Device& device = context->eigen_device<Device>();
    if (is_empty) {
      // The mean over nothing, as everywhere in TensorFlow.
      const double none = std::numeric_limits<double>::quiet_NaN();
      Fill(device, mean, none);
      Fill(device, variance, none);
      Fill(device, means, none);
      Fill(device, fusion, none);
      return;
    }
    Tensor workspace;
    OP_REQUIRES_OK(
        context, context->allocate_temp(tensorflow::DT_INT8, {WorkspaceBytes(device, shape, false)},
                                        &workspace));
    gsf_gate_shift_fuse_tensors tensors = {};
    tensors.x = x_data;
    tensors.y = y->data();
    tensors.weights = {
        this->Input(context, "gamma"),         this->Input(context, "beta"),
        this->Input(context, "moving_mean"),   this->Input(context, "moving_variance"),
        this->Input(context, "gate_kernel"),   this->Input(context, "gate_bias"),
        this->Input(context, "fusion_kernel"), this->Input(context, "fusion_bias")};
    tensors.saved = {mean->data(), variance->data(), gate->data(), rows ? means->data() : nullptr,
                     rows ? fusion->data() : nullptr};
    tensors.workspace = workspace.data();
    OP_REQUIRES_OK(context, Run(context, device, tensors, shape));
  }
};

template <typename Device, typename T>
class GateShiftFuseGradientOp : public GateShiftFuseKernel<T> {
 public:
  explicit GateShiftFuseGradientOp(tensorflow::OpKernelConstruction* context)
      : GateShiftFuseKernel<T>(context) {}

  void Compute(OpKernelContext* context) override {
    gsf_gate_shift_fuse_shape shape;
    OP_REQUIRES_OK(context, this->Check(context, &shape));
    OP_REQUIRES_OK(context, CheckSaved(context, shape));
    const Tensor& y_gradient = context->input(0);
    const void* const y_gradient_data = y_gradient.data();
    const bool is_empty = y_gradient.NumElements() == 0;
    Tensor* outputs[7];
    for (int output = 1; output < 7; ++output) {
      OP_REQUIRES_OK(context, context->allocate_output(output, context->input(output).shape(),
                                                       &outputs[output]));
    }
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, y_gradient.shape(),
                                                                      &outputs[0]));
    const Device& device = context->eigen_device<Device>();
    if (is_empty) {
      for (int output = 1; output < 7; ++output) Fill(device, outputs[output], 0);
      return;
    }
    Tensor workspace;
    OP_REQUIRES_OK(
        context, context->allocate_temp(tensorflow::DT_INT8, {WorkspaceBytes(device, shape, true)},
                                        &workspace));
    gsf_gate_shift_fuse_gradient_tensors tensors = {};
    tensors.x = this->Input(context, "x");
    tensors.y_gradient = y_gradient_data;
    tensors.x_gradient = outputs[0]->data();
    tensors.weights = {this->Input(context, "gamma"),         this->Input(context, "beta"),
                       this->Input(context, "mean"),          this->Input(context, "variance"),
                       this->Input(context, "gate_kernel"),   this->Input(context, "gate_bias"),
                       this->Input(context, "fusion_kernel"), this->Input(context, "fusion_bias")};
    tensors.saved = {this->Saved(context, "mean"), this->Saved(context, "variance"),
                     this->Saved(context, "gate"), this->Saved(context, "means"),
                     this->Saved(context, "fusion_weight")};
    tensors.gradients = {outputs[1]->data(), outputs[2]->data(), outputs[3]->data(),
                         outputs[4]->data(), outputs[5]->data(), outputs[6]->data()};
    tensors.workspace = workspace.data();
    OP_REQUIRES_OK(context, Run(context, device, tensors, shape));
  }

 private:
  absl::Status CheckSaved(OpKernelContext* context, const gsf_gate_shift_fuse_shape& shape) const {
    const int64_t rows = shape.learned_fusion ? shape.num_frames : 0;
    const Tensor* x;
    TF_RETURN_IF_ERROR(context->input("x", &x));
    TF_RETURN_IF_ERROR(this->Require(context, "y_gradient", x->shape()));
    TF_RETURN_IF_ERROR(this->Require(context, "mean", {shape.processed}));
    TF_RETURN_IF_ERROR(this->Require(context, "variance", {shape.processed}));
    TF_RETURN_IF_ERROR(
        this->Require(context, "gate", {shape.num_frames, shape.height, shape.width, 2}));
    TF_RETURN_IF_ERROR(this->Require(context, "means", {rows, 2, shape.processed}));
    return this->Require(context, "fusion_weight", {rows, shape.processed});
  }
};

#define REGISTER_FOR_TYPE(DEVICE, DEVICE_TYPE, TYPE)                     \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>GateShiftFuse")                    \
                              .Device(tensorflow::DEVICE_TYPE)           \
                              .TypeConstraint<TYPE>("T")                 \
                              .TypeConstraint<DtypeOf<TYPE>::Real>("U"), \
                          GateShiftFuseOp<DEVICE, TYPE>);                \
  REGISTER_KERNEL_BUILDER(Name("GsfTf>GateShiftFuseGradient")            \
                              .Device(tensorflow::DEVICE_TYPE)           \
                              .TypeConstraint<TYPE>("T")                 \
                              .TypeConstraint<DtypeOf<TYPE>::Real>("U"), \
                          GateShiftFuseGradientOp<DEVICE, TYPE>)

#define REGISTER_FOR_DEVICE(DEVICE, DEVICE_TYPE)       \
  REGISTER_FOR_TYPE(DEVICE, DEVICE_TYPE, float);       \
  REGISTER_FOR_TYPE(DEVICE, DEVICE_TYPE, double);      \
  REGISTER_FOR_TYPE(DEVICE, DEVICE_TYPE, Eigen::half); \
  REGISTER_FOR_TYPE(DEVICE, DEVICE_TYPE, tensorflow::bfloat16)

REGISTER_FOR_DEVICE(CpuDevice, DEVICE_CPU);
#ifdef GOOGLE_CUDA
REGISTER_FOR_DEVICE(Eigen::GpuDevice, DEVICE_GPU);
#endif

}  // namespace
}  // namespace gsf_tf
