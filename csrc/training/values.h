// Arrays that begin where a cache line does, so that no aligned vector lies in two.
#pragma once

#include <new>
#include <vector>

#include "kernels.h"

namespace cnnkit {

template <typename T>
struct Aligned {
    using value_type = T;
    static constexpr std::align_val_t kAt{kAlignment};
    Aligned() = default;
    template <typename Other>
    Aligned(const Aligned<Other>&) {}
    T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kAt)); }
    void deallocate(T* memory, size_t) { ::operator delete(memory, kAt); }
    bool operator==(const Aligned&) const { return true; }
    bool operator!=(const Aligned&) const { return false; }
};

using Values = std::vector<float, Aligned<float>>;

}  // namespace cnnkit
