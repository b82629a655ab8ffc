// What was read somewhere, to tell later whether it is still there: PyTorch counts no change that
// is made through `tensor.data` or NumPy.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <vector>

namespace cnnkit {

// Floats at some addresses: all of up to `kWhole`, and `kPieces` pieces of larger ones, evenly
// spaced, so that a call does not read large weights twice.
class MemorySample {
  public:
    static constexpr std::size_t kWhole = 4096, kPieces = 64;

    void add(const float* at, std::size_t count);

    // Whether the memory, which must still be readable, holds the same bits.
    bool is_unchanged() const;

  private:
    struct Piece {
        const float* at;
        std::size_t count;
    };
    std::vector<Piece> pieces_;
    std::vector<float> copy_;
};

void bind_memory_sample(pybind11::module_& m);

}  // namespace cnnkit
