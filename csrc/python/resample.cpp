// `_core.resample`: Pillow's pixels, read where they are through the C interface of Apache Arrow.
#include "python/resample.h"

#include <algorithm>

#include "cpu/dispatch.h"
#include "python/arguments.h"
#include "runtime/resample.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

// As Arrow's C data interface defines it.
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

using Ints = py::array_t<int32_t, py::array::c_style>;

// A picture of mode "L" is an array of bytes; one of mode "RGB" is an array of lists of four bytes.
PixelRows pixels_of(const py::capsule& capsule, ptrdiff_t height, ptrdiff_t width) {
    const auto* array = static_cast<const ArrowArray*>(capsule.get_pointer());
    const int bytes = array->n_children == 1 ? 4 : 1;
    const ArrowArray* levels = bytes == 4 ? array->children[0] : array;
    if (array->length != height * width || array->offset || levels->offset ||
        levels->n_buffers != 2 || levels->length != height * width * bytes)
        refuse("picture", "has other pixels than its size says", "give a picture of Pillow");
    return {static_cast<const uint8_t*>(levels->buffers[1]), height, width, bytes};
}

// Keeps its arrays, which were checked once.
class Axis {
  public:
    Axis(const py::object& first, const py::object& taps, ptrdiff_t size)
        : taps_(array<Ints>(taps, "taps", {-1, -1}, "int32 [N, K]")),
          first_(array<Ints>(first, "first", {taps_.shape(0)}, "int32 [N]")),
          size_(size) {
        const int32_t* at = first_.data();
        const auto outside = [&](int32_t i) { return i < 0 || i + taps_.shape(1) > size; };
        if (!first_.size() || std::any_of(at, at + first_.size(), outside))
            refuse("first", "names a pixel that is not there", "give indices within the picture");
    }

    ResampleAxis view() const {
        return {taps_.shape(0), taps_.shape(1), first_.data(), taps_.data()};
    }

    ptrdiff_t size() const { return size_; }

  private:
    Ints taps_, first_;
    ptrdiff_t size_;
};

Bytes resample(const py::capsule& picture, const Axis& across, const Axis& down) {
    const PixelRows rows = pixels_of(picture, down.size(), across.size());
    const ResampleAxis columns = across.view(), lines = down.view();
    Bytes made({rows.bytes == 4 ? ptrdiff_t{3} : ptrdiff_t{1}, lines.count, columns.count});
    resample_picture(current_kernels(), rows, columns, lines, made.mutable_data());
    return made;
}

}  // namespace

void bind_resample(py::module_& m) {
    py::class_<Axis>(m, "ResampleAxis", "One side of pictures of one size: `first` and `taps`.")
        .def(py::init<const py::object&, const py::object&, ptrdiff_t>(), py::arg("first"),
             py::arg("taps"), py::arg("size"));
    m.def("resample", &resample,
          "A picture in another size, uint8 [C, H, W]; runtime/resample.h explains the axes.",
          py::arg("picture"), py::arg("across"), py::arg("down"));
}

}  // namespace cnnkit
