#include "runtime/buffer.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <new>

namespace cnnkit {

namespace {
// Weights of many pages are read faster from huge ones, which Linux gives those who ask.
constexpr size_t kHugePage = size_t{1} << 21, kWorthHuge = 2 * kHugePage;
}  // namespace

void Free::operator()(void* memory) const { std::free(memory); }

Buffer allocate(size_t bytes) {
    const size_t alignment = bytes < kWorthHuge ? size_t{kAlignment} : kHugePage;
    const size_t whole = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, whole);
    if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage) madvise(memory, whole, MADV_HUGEPAGE);  // no matter if refused
#endif
    return Buffer(memory);
}

}  // namespace cnnkit
