// Resampled pictures of every instruction set against their definition in kernels.h, for random
// sizes and taps. Without Python, so that emulators and sanitizers can run it.
//
//     check_resample COUNT
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "cpu/dispatch.h"
#include "runtime/resample.h"

namespace {

using namespace cnnkit;

struct Axis {
    ptrdiff_t size, most;
    std::vector<int32_t> first, taps;

    ResampleAxis view() const {
        return {static_cast<ptrdiff_t>(first.size()), most, first.data(), taps.data()};
    }
};

// Sums of 1 for most outputs, some of them with weights below 0.
Axis random_axis(std::mt19937& random) {
    Axis a;
    a.size = 1 + random() % 40;
    a.most = 1 + random() % std::min(a.size, ptrdiff_t{9});
    const ptrdiff_t count = 1 + random() % 40;
    for (ptrdiff_t i = 0; i < count; ++i) {
        a.first.push_back(static_cast<int32_t>(random() % (a.size - a.most + 1)));
        int32_t left = 1 << 22;
        for (ptrdiff_t k = 1; k < a.most; ++k) {
            a.taps.push_back(static_cast<int32_t>(random() % (1 << 20)) - (1 << 17));
            left -= a.taps.back();
        }
        a.taps.push_back(left);
    }
    return a;
}

uint8_t sum_of(const Axis& a, ptrdiff_t i, const uint8_t* pixels, ptrdiff_t step) {
    int64_t sum = 1 << 21;
    for (ptrdiff_t k = 0; k < a.most; ++k)
        sum += int64_t{pixels[(a.first[i] + k) * step]} * a.taps[i * a.most + k];
    return static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
}

std::vector<uint8_t> expected(const PixelRows& p, const Axis& across, const Axis& down) {
    const ptrdiff_t channels = p.bytes == 4 ? 3 : 1,
                    width = static_cast<ptrdiff_t>(across.first.size());
    std::vector<uint8_t> made, rows(p.height * width);
    for (ptrdiff_t c = 0; c < channels; ++c) {
        for (ptrdiff_t y = 0; y < p.height; ++y)
            for (ptrdiff_t x = 0; x < width; ++x)
                rows[y * width + x] =
                    sum_of(across, x, p.pixels + y * p.width * p.bytes + c, p.bytes);
        for (ptrdiff_t y = 0; y < static_cast<ptrdiff_t>(down.first.size()); ++y)
            for (ptrdiff_t x = 0; x < width; ++x)
                made.push_back(sum_of(down, y, rows.data() + x, width));
    }
    return made;
}

bool check(const KernelTable& kernels, std::mt19937& random) {
    const Axis across = random_axis(random), down = random_axis(random);
    const int bytes = random() % 2 ? 4 : 1;
    // In memory of its own size, so that sanitizers see what is read behind it.
    std::vector<uint8_t> pixels(down.size * across.size * bytes);
    for (uint8_t& level : pixels) level = static_cast<uint8_t>(random());
    const PixelRows picture = {pixels.data(), down.size, across.size, bytes};
    std::vector<uint8_t> wanted = expected(picture, across, down), found(wanted.size());
    resample_picture(kernels, picture, across.view(), down.view(), found.data());
    return found == wanted;
}

}  // namespace

int main(int count, char** words) {
    const int cases = count > 1 ? std::atoi(words[1]) : 100;
    int wrong = 0;
    for (const KernelTable* kernels : available_kernels()) {
        std::mt19937 random(1);
        for (int i = 0; i < cases; ++i) wrong += !check(*kernels, random);
        std::printf("%s: %d resampled pictures, %d wrong\n", kernels->name, cases, wrong);
    }
    return wrong || cases < 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
