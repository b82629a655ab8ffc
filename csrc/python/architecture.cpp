#include "python/architecture.h"

#include <pybind11/stl.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "mnist/engine.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

constexpr ptrdiff_t kMostSize = 4096, kMostClasses = 256;  // labels are bytes
constexpr ptrdiff_t kMostFloats = ptrdiff_t{1} << 30;      // of a padded image: its places are ints

}  // namespace

Architecture architecture_of(const py::object& value) {
    if (value.is_none()) return published_architecture();
    using Sizes =
        std::tuple<std::array<ptrdiff_t, 3>, std::vector<std::array<ptrdiff_t, 4>>, ptrdiff_t>;
    Architecture a = {};
    bool good = false;
    try {
        const auto [input, blocks, classes] = py::cast<Sizes>(value);
        a = {input[0], input[1], input[2], {}, classes};
        good = !blocks.empty() && classes <= kMostClasses;
        for (const ptrdiff_t size : {a.channels, a.height, a.width, classes})
            good = good && size >= 1 && size <= kMostSize;
        for (const auto& [channels, kernel, padding, pool] : blocks) {
            a.blocks.push_back({channels, kernel, padding, pool});
            good = good && channels >= 1 && channels <= kMostSize && kernel >= 1 &&
                   kernel <= kMostSize && padding >= 0 && padding <= kMostSize && pool >= 1 &&
                   pool * pool <= kMostTaps;
        }
        if (good) {
            for (const ConvShape& s : a.shapes()) {
                const ptrdiff_t rows = s.input.h + 2 * s.padding.h,
                                columns = s.input.w + 2 * s.padding.w;
                good = good && s.output.h >= 1 && s.output.w >= 1 &&
                       rows * columns < kMostFloats / s.channels_in &&
                       s.conv.h * s.conv.w < kMostFloats / s.channels_out;
            }
        }
    } catch (const py::cast_error&) {
    }
    if (!good) {
        refuse("architecture", "is " + text(py::repr(value)),
               "give ((C, H, W), ((channels, kernel, padding, pool), ...), classes) of a network "
               "that leaves something of its input");
    }
    return a;
}

Floats parameters(const py::handle& value, const char* name, ptrdiff_t count) {
    return array<Floats>(value, name, {count}, "float32 [" + std::to_string(count) + "]");
}

}  // namespace cnnkit
