// The functions of the CUDA runtime that custom_ops/cuda_check/device.py calls, on the CPU. What is
// captured runs at once, and a graph counts how often it is launched: that is all that a test of
// the calls, their order and their arguments needs.

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kInvalidValue = 1;
constexpr int kNotReady = 600;
bool capturing = false;
int launches = 0;

struct Event {
  int launches = -1;
};

}  // namespace

extern "C" {

const char* cudaGetErrorString(int error) {
  return error == kNotReady ? "device not ready" : "invalid argument";
}
int cudaGetDeviceCount(int* count) {
  *count = 1;
  return 0;
}
int cudaSetDevice(int device) { return device == 0 ? 0 : kInvalidValue; }
int cudaDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return attribute == 75 || attribute == 76 ? 0 : kInvalidValue;
}
int cudaDeviceSynchronize() { return capturing ? kNotReady : 0; }
int cudaStreamCreateWithFlags(void** stream, unsigned flags) {
  *stream = reinterpret_cast<void*>(16);
  return flags == 1 ? 0 : kInvalidValue;
}
int cudaStreamSynchronize(void*) { return capturing ? kNotReady : 0; }
int cudaMalloc(void** address, size_t size) {
  *address = std::aligned_alloc(256, (size + 255) / 256 * 256);
  return 0;
}
int cudaFree(void* address) {
  std::free(address);
  return 0;
}
int cudaMemset(void* address, int byte, size_t size) {
  std::memset(address, byte, size);
  return 0;
}
int cudaMemcpy(void* target, const void* source, size_t size, int kind) {
  std::memcpy(target, source, size);
  return kind == 4 && !capturing ? 0 : kInvalidValue;
}
int cudaMemcpyAsync(void* target, const void* source, size_t size, int kind, void* stream) {
  std::memcpy(target, source, size);
  return kind == 3 && stream != nullptr ? 0 : kInvalidValue;
}
int cudaStreamBeginCapture(void*, int mode) {
  capturing = true;
  return mode == 1 ? 0 : kInvalidValue;
}
int cudaStreamEndCapture(void*, void** graph) {
  if (!capturing) return kInvalidValue;
  capturing = false;
  *graph = new int;
  return 0;
}
int cudaGraphInstantiateWithFlags(void** program, void* graph, unsigned long long flags) {
  *program = new int;
  return graph != nullptr && flags == 0 ? 0 : kInvalidValue;
}
int cudaGraphLaunch(void* program, void* stream) {
  ++launches;
  return program != nullptr && stream != nullptr && !capturing ? 0 : kInvalidValue;
}
int cudaGraphExecDestroy(void* program) {
  delete static_cast<int*>(program);
  return 0;
}
int cudaGraphDestroy(void* graph) {
  delete static_cast<int*>(graph);
  return 0;
}
int cudaEventCreate(void** event) {
  *event = new Event;
  return 0;
}
int cudaEventRecord(void* event, void* stream) {
  static_cast<Event*>(event)->launches = launches;
  return stream != nullptr ? 0 : kInvalidValue;
}
int cudaEventSynchronize(void* event) {
  return static_cast<Event*>(event)->launches >= 0 ? 0 : kNotReady;
}
// A launch of a graph takes 3 ms.
int cudaEventElapsedTime(float* milliseconds, void* begin, void* end) {
  const int first = static_cast<Event*>(begin)->launches;
  const int last = static_cast<Event*>(end)->launches;
  *milliseconds = 3.0f * static_cast<float>(last - first);
  return first >= 0 && last >= 0 ? 0 : kNotReady;
}
int cudaEventDestroy(void* event) {
  delete static_cast<Event*>(event);
  return 0;
}
}
