// Memory for kernels, aligned to kAlignment.
#pragma once

#include <memory>

#include "kernels.h"

namespace cnnkit {

struct Free {
    void operator()(void* memory) const;
};
using Buffer = std::unique_ptr<void, Free>;

// Throws std::bad_alloc.
Buffer allocate(size_t bytes);

// The calling thread's workspace. It grows to the largest that was asked for and is kept: a call at
// batch 1 must not allocate. The next call may move it.
inline void* thread_workspace(size_t bytes) {
    thread_local Buffer kept;
    thread_local size_t size = 0;
    if (size < bytes) {
        size = 0;
        kept = allocate(bytes);
        size = bytes;
    }
    return kept.get();
}

}  // namespace cnnkit
