// Work shared over threads: one small pool for the process, started when first needed.
#pragma once

#include <cstddef>

namespace cnnkit {

// Calls work(context, i) for every 0 <= i < count, on this thread and up to threads - 1 others;
// returns when all are done. With threads = 1, or while another caller has the pool, everything
// runs on this thread alone.
void parallel_for(int threads, ptrdiff_t count, void (*work)(void* context, ptrdiff_t i),
                  void* context);

// Whether another thread gets its work, and hands it back, as fast as near cores do. It is measured
// anew when a second has passed: a virtual machine's cores move.
bool cores_are_near();

}  // namespace cnnkit
