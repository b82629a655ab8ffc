#include "runtime/augment.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace cnnkit {
namespace {

constexpr int kFraction = 16;  // bits of a coordinate behind its point
constexpr int64_t kOne = 1 << kFraction;
constexpr int kHalf = 1 << 15;      // of what the two weights of a mean, 1/256 each, add up to
constexpr int64_t kPerThread = 16;  // images that a thread takes at a time

// Which pixel of a line stands for each place from `size` before it to `size` behind it; place
// `size` itself is a black one, which the buffers have behind every line.
std::vector<ptrdiff_t> places(ptrdiff_t size, Border border) {
    std::vector<ptrdiff_t> found(3 * size + 2);
    const ptrdiff_t period = std::max(2 * (size - 1), ptrdiff_t{1});
    for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(found.size()); ++i) {
        const ptrdiff_t at = i - size;
        const ptrdiff_t turned = (at % period + period) % period;
        if (at >= 0 && at < size) {
            found[i] = at;
        } else if (border == Border::kBlack) {
            found[i] = size;
        } else {
            found[i] = std::min(turned, period - turned);
        }
    }
    return found;
}

class Augmenter {
  public:
    Augmenter(const uint8_t* images, const int64_t* order, const int32_t* table, int64_t count,
              const ImageSize& size, Border border, uint8_t* out)
        : images_(images),
          order_(order),
          table_(table),
          count_(count),
          size_(size),
          columns_(places(size.width, border)),
          rows_(places(size.height, border)),
          out_(out) {}

    void run(ptrdiff_t part) const {
        const ptrdiff_t row = size_.width + 1, plane = row * (size_.height + 1);
        auto* padded = static_cast<uint8_t*>(thread_workspace(plane * size_.channels));
        std::memset(padded, 0, plane * size_.channels);
        const int64_t end = std::min(count_, (part + 1) * kPerThread);
        for (int64_t i = part * kPerThread; i < end; ++i) {
            const uint8_t* from = images_ + order_[i] * pixels();
            for (ptrdiff_t c = 0; c < size_.channels; ++c)
                for (ptrdiff_t y = 0; y < size_.height; ++y, from += size_.width)
                    std::memcpy(padded + c * plane + y * row, from, size_.width);
            image(padded, table_ + i * kAugmentColumns, out_ + i * pixels());
        }
    }

  private:
    ptrdiff_t pixels() const { return size_.channels * size_.height * size_.width; }

    void image(const uint8_t* padded, const int32_t* m, uint8_t* out) const {
        uint8_t toned[256];
        for (int64_t v = 0; v < 256; ++v) {
            const int64_t changed = (v * m[6] + m[7] + kOne / 2) >> kFraction;
            toned[v] = static_cast<uint8_t>(std::clamp<int64_t>(changed, 0, 255));
        }
        const int64_t width = size_.width, height = size_.height;
        const int64_t right = (width - 1) * kOne, bottom = (height - 1) * kOne;
        for (ptrdiff_t y = 0; y < height; ++y, out += width) {
            const int64_t at_x = int64_t{m[1]} * y + m[4], at_y = int64_t{m[3]} * y + m[5];
            const auto outside = [=](int64_t i) {
                const int64_t u = at_x + m[0] * i, v = at_y + m[2] * i;
                return u < 0 || u > right || v < 0 || v > bottom;
            };
            // What is inside is one stretch of the row, since it lies on a line.
            int64_t first = 0, last = width;
            while (first < width && outside(first)) ++first;
            while (last > first && outside(last - 1)) --last;
            stretch<false>(padded, m, toned, at_x, at_y, 0, first, out);
            stretch<true>(padded, m, toned, at_x, at_y, first, last, out);
            stretch<false>(padded, m, toned, at_x, at_y, last, width, out);
        }
    }

    // Columns first to last - 1 of a row of all channels; `inside`: none shows what is outside.
    template <bool inside>
    void stretch(const uint8_t* padded, const int32_t* m, const uint8_t* toned, int64_t x,
                 int64_t y, int64_t first, int64_t last, uint8_t* out) const {
        const ptrdiff_t row = size_.width + 1, plane = row * (size_.height + 1);
        const int64_t width = size_.width, height = size_.height;
        for (int64_t i = first; i < last; ++i) {
            int64_t u = x + m[0] * i, v = y + m[2] * i;
            ptrdiff_t left, next, top, below;
            if (inside) {
                left = u >> kFraction, next = left + 1;
                top = (v >> kFraction) * row, below = top + row;
            } else {
                u = std::clamp(u, -width * kOne, 2 * width * kOne);
                v = std::clamp(v, -height * kOne, 2 * height * kOne);
                const ptrdiff_t column = (u >> kFraction) + width,
                                place = (v >> kFraction) + height;
                left = columns_[column], next = columns_[column + 1];
                top = rows_[place] * row, below = rows_[place + 1] * row;
            }
            const int fx = u >> (kFraction - 8) & 255, fy = v >> (kFraction - 8) & 255;
            for (ptrdiff_t c = 0; c < size_.channels; ++c) {
                const uint8_t* p = padded + c * plane;
                const int above = p[top + left] * 256 + (p[top + next] - p[top + left]) * fx;
                const int under = p[below + left] * 256 + (p[below + next] - p[below + left]) * fx;
                const int value = (above * 256 + (under - above) * fy + kHalf) >> 16;
                out[c * width * height + i] = toned[value];
            }
        }
    }

    const uint8_t* images_;
    const int64_t* order_;
    const int32_t* table_;
    const int64_t count_;
    const ImageSize size_;
    const std::vector<ptrdiff_t> columns_, rows_;
    uint8_t* out_;
};

}  // namespace

void augment(const uint8_t* images, const int64_t* order, const int32_t* table, int64_t count,
             const ImageSize& size, Border border, int threads, uint8_t* out) {
    Augmenter augmenter(images, order, table, count, size, border, out);
    parallel_for(
        threads, static_cast<ptrdiff_t>((count + kPerThread - 1) / kPerThread),
        [](void* context, ptrdiff_t part) { static_cast<const Augmenter*>(context)->run(part); },
        &augmenter);
}

}  // namespace cnnkit
