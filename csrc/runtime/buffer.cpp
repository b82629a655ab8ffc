#include "runtime/buffer.h"

#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <new>

namespace cnnkit {

namespace {
// Weights of many pages are read faster from huge ones, which Linux gives those who ask.
constexpr size_t kHugePage = size_t{1} << 21, kWorthHuge = 2 * kHugePage;

#ifdef _WIN32
void* aligned(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }
void release(void* memory) { _aligned_free(memory); }
#else
void* aligned(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }
void release(void* memory) { std::free(memory); }
#endif
}  // namespace

void Free::operator()(void* memory) const { release(memory); }

Buffer allocate(size_t bytes) {
    const size_t alignment = bytes < kWorthHuge ? size_t{kAlignment} : kHugePage;
    const size_t whole = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    void* memory = aligned(alignment, whole);
    if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage) madvise(memory, whole, MADV_HUGEPAGE);  // no matter if refused
#endif
    return Buffer(memory);
}

}  // namespace cnnkit
