#include "roofline/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace cnnkit {
namespace {

using Clock = std::chrono::steady_clock;

volatile float sink;  // results go here, so that no burst is optimised away

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Repeats bursts for about `seconds` and returns the least time of one: a limit is what is
// possible, and whatever disturbs a burst only lengthens it.
template <typename Burst>
double least_seconds(double seconds, Burst burst) {
    const Clock::time_point start = Clock::now();
    double least = 1e30;
    do {
        const Clock::time_point before = Clock::now();
        sink = burst();
        least = std::min(least, seconds_since(before));
    } while (seconds_since(start) < seconds);
    return least;
}

}  // namespace

double measure_fma_peak(const KernelTable& kernels, double seconds) {
    constexpr double kBurst =
        1e-3;  // seconds: long beside the clock's resolution, short beside a time slice
    ptrdiff_t turns = 1 << 10;
    while (least_seconds(0.0, [&] { return kernels.roofline.multiply_add(turns); }) < kBurst)
        turns *= 2;
    const double least =
        least_seconds(seconds, [&] { return kernels.roofline.multiply_add(turns); });
    return static_cast<double>(turns) * static_cast<double>(kernels.roofline.flop_per_turn) / least;
}

double measure_bandwidth(const KernelTable& kernels, double seconds, size_t bytes) {
    const ptrdiff_t step = kernels.roofline.read_step;
    const ptrdiff_t count =
        std::max<ptrdiff_t>(static_cast<ptrdiff_t>(bytes / sizeof(float)) / step, 1) * step;
    std::vector<float> memory(static_cast<size_t>(count) + kAlignment / sizeof(float), 1.0f);
    const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory.data());
    const float* from =
        memory.data() + (kAlignment - address % kAlignment) % kAlignment / sizeof(float);
    constexpr ptrdiff_t kFloatsAPass =
        1 << 22;  // small sets are read many times between two looks at the clock
    const ptrdiff_t passes = std::max<ptrdiff_t>(kFloatsAPass / count, 1);
    const double least =
        least_seconds(seconds, [&] { return kernels.roofline.read(from, count, passes); });
    return static_cast<double>(passes) * static_cast<double>(count) * sizeof(float) / least;
}

}  // namespace cnnkit
