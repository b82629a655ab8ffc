// Limits of the fields of steps, for the tables of kernels.
// Included inside an ISA file's anonymous namespace.

constexpr ptrdiff_t kMost = ptrdiff_t{1} << 30;  // kernels count in int

// The product of positive numbers, or kMost if it is larger or one of them is not positive.
template <typename... Sizes>
ptrdiff_t product(Sizes... sizes) {
    const ptrdiff_t all[] = {static_cast<ptrdiff_t>(sizes)...};
    ptrdiff_t result = 1;
    for (const ptrdiff_t size : all) {
        if (size < 1 || size > kMost) return kMost;
        result = result * size > kMost ? kMost : result * size;
    }
    return result;
}

inline bool is_pad(int size) { return size >= 0 && size < kMost / 2; }
