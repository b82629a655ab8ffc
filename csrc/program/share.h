// A step's work on several threads.
#pragma once

#include "runtime/thread_pool.h"

namespace cnnkit {

// From so much work on, in multiply-adds, a step or an image is worth another thread: below,
// threads wait for each other longer than they compute. Between near cores less is.
constexpr double kWorth = 1e6, kWorthNear = 1e5;

inline bool is_worth_sharing(double work) {
    return work >= kWorth || (work >= kWorthNear && cores_are_near());
}

// Calls run(first, end) for ranges of parts, on several threads if the work is worth them.
template <typename Run>
void share(ptrdiff_t parts, double work, int threads, const Run& run) {
    if (threads == 1 || parts < threads || !is_worth_sharing(work)) return run(0, parts);
    struct Shares {
        const Run& run;
        ptrdiff_t parts, count;
    } shares = {run, parts, threads};
    parallel_for(
        threads, threads,
        [](void* context, ptrdiff_t i) {
            const Shares& s = *static_cast<Shares*>(context);
            s.run(i * s.parts / s.count, (i + 1) * s.parts / s.count);
        },
        &shares);
}

}  // namespace cnnkit
