// `_core.augment`: arrays checked here, work without the GIL.
#include "python/augment.h"

#include <algorithm>
#include <string>

#include "python/arguments.h"
#include "runtime/augment.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

using Ints = py::array_t<int32_t, py::array::c_style>;

Border border_of(const py::handle& value) {
    const std::string name = text(value);
    if (name != "black" && name != "reflect")
        refuse("border", "is " + name, "make it black or reflect");
    return name == "black" ? Border::kBlack : Border::kReflect;
}

Bytes augment_images(const py::object& images, const py::object& order, const py::object& table,
                     const py::object& border, const py::object& threads) {
    const Bytes from = array<Bytes>(images, "images", {-1, -1, -1, -1}, "uint8 [N, C, H, W]");
    const Longs indices = array<Longs>(order, "order", {-1}, "int64 [N]");
    const ptrdiff_t count = indices.shape(0), known = from.shape(0);
    const Ints changes = array<Ints>(table, "table", {count, kAugmentColumns},
                                     "int32 [N, " + std::to_string(kAugmentColumns) + "]");
    const Border outside = border_of(border);
    const int64_t* index = indices.data();
    if (std::any_of(index, index + count, [=](int64_t i) { return i < 0 || i >= known; })) {
        refuse("order", "names an image that is not there",
               "give indices from 0 to " + std::to_string(known - 1));
    }
    const int workers = thread_count(threads);
    const ImageSize size = {from.shape(1), from.shape(2), from.shape(3)};
    Bytes made({count, size.channels, size.height, size.width});
    if (!made.size()) return made;
    uint8_t* out = made.mutable_data();
    const py::gil_scoped_release released;
    augment(from.data(), index, changes.data(), count, size, outside, workers, out);
    return made;
}

}  // namespace

void bind_augment(py::module_& m) {
    m.def("augment", &augment_images,
          "Changed copies of images; runtime/augment.h explains the table.", py::arg("images"),
          py::arg("order"), py::arg("table"), py::arg("border"), py::arg("threads") = 1);
}

}  // namespace cnnkit
