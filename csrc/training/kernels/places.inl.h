// Lists of a convolution's maxima, channel after channel: gradients, and where the kernel finds the
// pixels of each in a padded image.

namespace training {

constexpr ptrdiff_t kNear = 8192;  // floats that stay in the nearest cache
constexpr ptrdiff_t kLargest = 256;

// Where the kernel begins: of each tap of a window, and from one window to the next.
struct Places {
    int tap[kLargest];
    ptrdiff_t row, column;
};
inline Places places_of(const MaximaShape& s) {
    Places p = {};
    const PoolShape& pool = s.pool;
    for (ptrdiff_t k = 0; k < pool.kernel.h * pool.kernel.w; ++k) {
        const ptrdiff_t i = k / pool.kernel.w - pool.padding.h,
                        j = k % pool.kernel.w - pool.padding.w;
        p.tap[k] = static_cast<int>(i * s.stride.h * s.row + j * s.stride.w * s.pixel);
    }
    p.row = pool.stride.h * s.stride.h * s.row;
    p.column = pool.stride.w * s.stride.w * s.pixel;
    return p;
}

// The lists in the caller's memory. A band of windows reads what stays near; `ends` has the end of
// each in each channel's list, [band][channel].
struct Maxima {
    ptrdiff_t windows, band, bands;
    ptrdiff_t room;  // of a channel
    float* values;
    int *places, *ends, *starts;  // of the windows
    Maxima(const MaximaShape& s, float* memory) {
        const PoolShape& pool = s.pool;
        windows = pool.output.h * pool.output.w, room = round_up(windows, kListed);
        const ptrdiff_t each = pool.stride.h * s.stride.h * s.row / pool.output.w + 1;
        band = max(1, (kNear - s.kernel_rows * s.row) / each / kListed) * kListed;
        bands = (windows + band - 1) / band;
        values = memory, places = reinterpret_cast<int*>(values + pool.channels * room);
        starts = places + pool.channels * room, ends = starts + room;
    }
};

// The maxima once more, pixel after pixel: in the caller's memory, in place of the lists above.
// `ends` has the end of each, [window][tap].
struct Pixels {
    float* values;
    int *places, *ends;
    Pixels(const MaximaShape& s, float* memory) {
        const ptrdiff_t windows = s.pool.output.h * s.pool.output.w;
        const ptrdiff_t room = (windows + 1) * s.pool.channels + kLanes;
        values = memory, places = reinterpret_cast<int*>(values + room), ends = places + room;
    }
};

}  // namespace training
