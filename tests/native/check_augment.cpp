// Augmented images against the definition in runtime/augment.h, pixel by pixel, for random tables,
// also absurd ones. Without Python, so that emulators and sanitizers can run it.
//
//     check_augment COUNT
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "runtime/augment.h"

namespace {

using namespace cnnkit;

constexpr int64_t kOne = 1 << 16;

struct Case {
    ImageSize size;
    Border border;
    std::vector<uint8_t> images;
    std::vector<int64_t> order;
    std::vector<int32_t> table;

    ptrdiff_t pixels() const { return size.channels * size.height * size.width; }
};

Case random_case(std::mt19937& random) {
    const auto up_to = [&](ptrdiff_t most) { return 1 + static_cast<ptrdiff_t>(random() % most); };
    Case c;
    c.size = {up_to(3), up_to(20), up_to(20)};
    c.border = random() % 2 ? Border::kBlack : Border::kReflect;
    const ptrdiff_t images = up_to(4), count = up_to(40);
    for (ptrdiff_t i = 0; i < images * c.pixels(); ++i) c.images.push_back(random() % 256);
    for (ptrdiff_t i = 0; i < count; ++i) {
        c.order.push_back(random() % images);
        const bool absurd = random() % 8 == 0;
        for (ptrdiff_t column = 0; column < kAugmentColumns; ++column) {
            const int64_t one = column == 0 || column == 3 || column == 6 ? kOne : 0;
            const int64_t spread = column == 4 || column == 5 || column == 7 ? 8 * kOne : kOne;
            const int64_t near = one + static_cast<int64_t>(random() % (2 * spread)) - spread;
            c.table.push_back(static_cast<int32_t>(absurd ? random() : near));
        }
    }
    return c;
}

// A pixel of one channel, also outside of it.
int64_t pixel(const Case& c, const uint8_t* image, int64_t y, int64_t x) {
    const int64_t height = c.size.height, width = c.size.width;
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    if (!inside && c.border == Border::kBlack) return 0;
    const auto reflected = [](int64_t at, int64_t size) {
        if (size == 1) return int64_t{0};
        while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
        return at;
    };
    return image[reflected(y, height) * width + reflected(x, width)];
}

uint8_t expected(const Case& c, ptrdiff_t i, ptrdiff_t channel, ptrdiff_t y, ptrdiff_t x) {
    const int64_t height = c.size.height, width = c.size.width;
    const uint8_t* image =
        c.images.data() + c.order[i] * c.pixels() + channel * c.size.height * c.size.width;
    const int32_t* m = c.table.data() + i * kAugmentColumns;
    const int64_t u =
        std::clamp(int64_t{m[0]} * x + int64_t{m[1]} * y + m[4], -width * kOne, 2 * width * kOne);
    const int64_t v =
        std::clamp(int64_t{m[2]} * x + int64_t{m[3]} * y + m[5], -height * kOne, 2 * height * kOne);
    const int64_t left = u >> 16, top = v >> 16, fx = u >> 8 & 255, fy = v >> 8 & 255;
    const int64_t above =
        pixel(c, image, top, left) * (256 - fx) + pixel(c, image, top, left + 1) * fx;
    const int64_t below =
        pixel(c, image, top + 1, left) * (256 - fx) + pixel(c, image, top + 1, left + 1) * fx;
    const int64_t value = (above * (256 - fy) + below * fy + kOne / 2) >> 16;
    const int64_t toned = (value * m[6] + m[7] + kOne / 2) >> 16;
    return static_cast<uint8_t>(std::clamp<int64_t>(toned, 0, 255));
}

bool check(const Case& c, int threads) {
    const ptrdiff_t count = static_cast<ptrdiff_t>(c.order.size());
    std::vector<uint8_t> found(count * c.pixels());
    augment(c.images.data(), c.order.data(), c.table.data(), count, c.size, c.border, threads,
            found.data());
    const uint8_t* at = found.data();
    for (ptrdiff_t i = 0; i < count; ++i)
        for (ptrdiff_t channel = 0; channel < c.size.channels; ++channel)
            for (ptrdiff_t y = 0; y < c.size.height; ++y)
                for (ptrdiff_t x = 0; x < c.size.width; ++x)
                    if (*at++ != expected(c, i, channel, y, x)) return false;
    return true;
}

}  // namespace

int main(int count, char** words) {
    const int cases = count > 1 ? std::atoi(words[1]) : 100;
    std::mt19937 random(1);
    int wrong = 0;
    for (int i = 0; i < cases; ++i) wrong += !check(random_case(random), 1 + i % 3);
    std::printf("%d tables of augmentation, %d wrong\n", cases, wrong);
    return wrong || cases < 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
