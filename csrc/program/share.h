// A step's work on several threads.
#pragma once

#include "runtime/thread_pool.h"

namespace cnnkit {

// From so much work on, in multiply-adds, an image is worth another thread, and so is a step.
constexpr double kWorth = 1e6;
// Where the cores are near each other, by the nanoseconds that handing a thread its share takes, a
// step is worth it that takes so many times as long, by so many multiply-adds in a nanosecond. From
// a far core, what it wrote comes so slowly that smaller steps than kWorth lose.
constexpr double kNear = 300, kHandovers = 8, kEachNanosecond = 50, kLeast = 4e4;

inline bool is_worth(double work, int threads) {
    if (work < kLeast || work >= kWorth) return work >= kWorth;
    const double handover = handover_ns();
    return handover < kNear && work >= kHandovers * kEachNanosecond * (threads - 1) * handover;
}

// Calls run(first, end) for ranges of parts, on several threads if the work is worth them.
template <typename Run>
void share(long parts, double work, int threads, const Run& run) {
    if (threads == 1 || parts < threads || !is_worth(work, threads)) return run(0, parts);
    struct Shares {
        const Run& run;
        long parts, count;
    } shares = {run, parts, threads};
    parallel_for(
        threads, threads,
        [](void* context, long i) {
            const Shares& s = *static_cast<Shares*>(context);
            s.run(i * s.parts / s.count, (i + 1) * s.parts / s.count);
        },
        &shares);
}

}  // namespace cnnkit
