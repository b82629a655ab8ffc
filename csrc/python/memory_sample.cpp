#include "python/memory_sample.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace py = pybind11;

namespace cnnkit {

void MemorySample::add(const float* at, std::size_t count) {
    const bool whole = count <= kWhole;
    const std::size_t length = whole ? count : kWhole / kPieces;
    for (std::size_t i = 0; i < (whole ? 1 : kPieces); ++i) {
        const float* piece = at + (count - length) * i / (kPieces - 1);
        pieces_.push_back({piece, length});
        copy_.insert(copy_.end(), piece, piece + length);
    }
}

bool MemorySample::is_unchanged() const {
    const float* ours = copy_.data();
    for (const Piece& piece : pieces_) {
        if (piece.count && std::memcmp(ours, piece.at, piece.count * sizeof(float)) != 0)
            return false;
        ours += piece.count;
    }
    return true;
}

void bind_memory_sample(py::module_& m) {
    py::class_<MemorySample>(m, "MemorySample", "Floats that lay at (address, count) once.")
        .def(py::init([](const std::vector<std::pair<std::uintptr_t, std::size_t>>& places) {
                 MemorySample sample;
                 for (const auto& [address, count] : places)
                     sample.add(reinterpret_cast<const float*>(address), count);
                 return sample;
             }),
             py::arg("places"))
        .def("is_unchanged", &MemorySample::is_unchanged,
             "Tell whether they lie there still; the memory must be readable.");
}

}  // namespace cnnkit
