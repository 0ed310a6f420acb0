#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/platform/file_system.h"

namespace gsf_tf {
namespace {

REGISTER_OP("GsfTf>CanRead")
    .Input("file: string")
    .Output("can_read: bool")
    .SetIsStateful()
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->Scalar());
      return absl::OkStatus();
    })
    .Doc(R"doc(
Whether a file can be opened and read now.

file: A path of any file system that TensorFlow knows.
)doc");

class CanReadOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& file = context->input(0);
    OP_REQUIRES(context, file.dims() == 0,
                absl::InvalidArgumentError(absl::StrCat("file must be a scalar. Received: shape ",
                                                        file.shape().DebugString(), ".")));
    tensorflow::Tensor* can_read = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, {}, &can_read));
    std::unique_ptr<tensorflow::RandomAccessFile> opened;
    char byte;
    absl::string_view read;
    bool good =
        context->env()->NewRandomAccessFile(file.scalar<tensorflow::tstring>()(), &opened).ok();
    if (good) {
      const absl::Status status = opened->Read(0, 1, &read, &byte);
      good = status.ok() || absl::IsOutOfRange(status);
    }
    can_read->scalar<bool>()() = good;
  }
};

REGISTER_KERNEL_BUILDER(Name("GsfTf>CanRead").Device(tensorflow::DEVICE_CPU), CanReadOp);

}  // namespace
}  // namespace gsf_tf
