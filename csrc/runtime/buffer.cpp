#include "runtime/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace cnnkit {

void Free::operator()(void* memory) const { std::free(memory); }

Buffer allocate(size_t bytes) {
    const size_t whole = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, whole);
    if (!memory) throw std::bad_alloc();
    return Buffer(memory);
}

}  // namespace cnnkit
