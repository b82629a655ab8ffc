// Limits of the fields of steps, for the tables of kernels.
// Included inside an ISA file's anonymous namespace.

constexpr long kMost = 1l << 30;  // kernels count in int

// The product of positive numbers, or kMost if it is larger or one of them is not positive.
template <typename... Sizes>
long product(Sizes... sizes) {
    const long all[] = {static_cast<long>(sizes)...};
    long result = 1;
    for (const long size : all) {
        if (size < 1 || size > kMost) return kMost;
        result = result * size > kMost ? kMost : result * size;
    }
    return result;
}

inline bool is_pad(int size) { return size >= 0 && size < kMost / 2; }
