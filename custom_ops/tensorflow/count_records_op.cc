#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/platform/file_system.h"

namespace gsf_tf {
namespace {

REGISTER_OP("GsfTf>CountRecords")
    .Input("file: string")
    .Input("most: int64")
    .Output("count: int64")
    .SetIsStateful()
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->Scalar());
      return absl::OkStatus();
    })
    .Doc(R"doc(
Number of records at the beginning of a TFRecord file whose lengths are intact and that lie within
the file, so that reading them needs no more memory than the file has bytes.

file: A path of any file system that TensorFlow knows. A file that cannot be read has no records.
most: Where the count ends; negative counts them all.
)doc");

// A record is its length (8 bytes), a checksum of that (4), the content, and its checksum (4).
constexpr size_t kHeader = 12, kOverhead = 16;

// No message of protocol buffers, and so no clip, is longer.
constexpr uint64_t kMaxRecordBytes = std::numeric_limits<int32_t>::max();

uint64_t ReadInteger(const char* bytes, int count) {
  uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// CRC-32C (Castagnoli), rotated and offset as in the TFRecord format.
uint32_t MaskedChecksum(const char* bytes, int count) {
  uint32_t value = 0xffffffff;
  for (int i = 0; i < count; ++i) {
    value ^= static_cast<uint8_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82f63b78 : 0);
  }
  value = ~value;
  return (value >> 15 | value << 17) + 0xa282ead8;
}

// Reads single headers of a local file. Of a file in an object store, where every read is a
// request, it reads large blocks.
class Headers {
 public:
  Headers(const tensorflow::RandomAccessFile& file, const std::string& path)
      : file_(file), block_(IsRemote(path) ? size_t{1} << 24 : size_t{1} << 12) {}

  // The header at a byte, or null if it cannot be read.
  const char* At(uint64_t offset) {
    if (offset < begin_ || offset + kHeader > begin_ + read_.size()) {
      const absl::Status status = file_.Read(offset, block_.size(), &read_, block_.data());
      begin_ = offset;
      if ((!status.ok() && !absl::IsOutOfRange(status)) || read_.size() < kHeader) {
        read_ = {};
        return nullptr;
      }
    }
    return read_.data() + (offset - begin_);
  }

 private:
  static bool IsRemote(const std::string& path) {
    return absl::StrContains(path, "://") && !absl::StartsWith(path, "file://");
  }

  const tensorflow::RandomAccessFile& file_;
  std::vector<char> block_;
  absl::string_view read_;
  uint64_t begin_ = 0;
};

int64_t CountRecords(tensorflow::Env* env, const std::string& path, int64_t most) {
  uint64_t size = 0;
  std::unique_ptr<tensorflow::RandomAccessFile> file;
  // The size first: opening a pipe would wait for a writer.
  if (!env->GetFileSize(path, &size).ok() || size < kOverhead ||
      !env->NewRandomAccessFile(path, &file).ok()) {
    return 0;
  }
  Headers headers(*file, path);
  uint64_t offset = 0;
  int64_t count = 0;
  while (count != most && size - offset >= kOverhead) {
    const char* header = headers.At(offset);
    if (!header || MaskedChecksum(header, 8) != ReadInteger(header + 8, 4)) break;
    const uint64_t length = ReadInteger(header, 8);
    if (length > std::min(kMaxRecordBytes, size - offset - kOverhead)) break;
    offset += length + kOverhead;
    ++count;
  }
  return count;
}

class CountRecordsOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& file = context->input(0);
    const tensorflow::Tensor& most = context->input(1);
    OP_REQUIRES(context, file.dims() == 0 && most.dims() == 0,
                absl::InvalidArgumentError(absl::StrCat(
                    "file and most must be scalars. Received: shapes ", file.shape().DebugString(),
                    " and ", most.shape().DebugString(), ".")));
    tensorflow::Tensor* count = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, {}, &count));
    count->scalar<int64_t>()() = CountRecords(context->env(), file.scalar<tensorflow::tstring>()(),
                                              most.scalar<int64_t>()());
  }
};

REGISTER_KERNEL_BUILDER(Name("GsfTf>CountRecords").Device(tensorflow::DEVICE_CPU), CountRecordsOp);

}  // namespace
}  // namespace gsf_tf
