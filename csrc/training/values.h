// Arrays that begin where a cache line does, so that no aligned vector lies in two; large ones have
// huge pages.
#pragma once

#include <vector>

#include "runtime/buffer.h"

namespace cnnkit {

template <typename T>
struct Aligned {
    using value_type = T;
    Aligned() = default;
    template <typename Other>
    Aligned(const Aligned<Other>&) {}
    T* allocate(size_t count) {
        return static_cast<T*>(cnnkit::allocate(count * sizeof(T)).release());
    }
    void deallocate(T* memory, size_t) { Free()(memory); }
    bool operator==(const Aligned&) const { return true; }
    bool operator!=(const Aligned&) const { return false; }
};

using Values = std::vector<float, Aligned<float>>;

}  // namespace cnnkit
