// Dense convolutions of any kernel, stride and dilation. Where there is padding, a strip of rows is
// copied between zeros first, so that all pixels are alike. Where rows are narrow, and a kernel's
// rows short, the pixels of a column are computed together: each reads one run of floats.

namespace fast {
namespace dense {

constexpr ptrdiff_t kMostWorkspace = ptrdiff_t{1} << 24;
constexpr ptrdiff_t kStrip = 6144;  // floats of a strip of input, that the nearest cache keeps it
constexpr ptrdiff_t kFarStrip = ptrdiff_t{1}
                                << 17;  // where the weights are far: that the second one does
constexpr ptrdiff_t kShort = 16;        // floats of a kernel's row

struct Plan {
    bool upright;  // whether pixels of a column, not of a row, are computed together
    bool padded;
    ptrdiff_t row;      // floats of an input row, with its padding
    ptrdiff_t strip;    // output rows of a strip
    ptrdiff_t columns;  // output pixels of a row that are computed together
    bool far;           // whether the weights come from beyond the second cache
};

inline ptrdiff_t weights_of(const Conv& c) {
    return round_up(c.out_c, kLanes) * c.in_c * c.kernel_h * c.kernel_w;
}

// The floats of a row of the kernel.
inline ptrdiff_t span_of(const Conv& c) { return static_cast<ptrdiff_t>(c.kernel_w) * c.in_c; }

inline Plan plan(const Conv& c) {
    Plan p;
    const ptrdiff_t reach_w =
        (c.out_w - ptrdiff_t{1}) * c.stride_w + (c.kernel_w - ptrdiff_t{1}) * c.dilation_w + 1;
    const ptrdiff_t reach_h =
        (c.out_h - ptrdiff_t{1}) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1;
    p.upright = c.kernel_h > 1 && c.dilation_h == 1 && c.dilation_w == 1 && c.out_w > 1 &&
                c.out_w < kMostPixels && c.out_h > c.out_w && span_of(c) <= kShort &&
                c.out_c > kLanes;
    p.padded = c.pad_h > 0 || c.pad_w > 0 || reach_w > c.in_w || reach_h > c.in_h;
    p.row = (p.padded ? reach_w : c.in_w) * c.in_c;
    const ptrdiff_t more = (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1 - c.stride_h;
    const ptrdiff_t rows = kStrip / p.row - max(0, more);
    p.strip = min(c.out_h, max(rows / c.stride_h, p.row > 4 * kStrip ? 2 : 4));
    if (p.upright) p.strip = min(c.out_h, max(1, kStrip / (c.stride_h * span_of(c) * c.out_w)));
    p.columns = max(kMostPixels * 4, kStrip / (static_cast<ptrdiff_t>(c.stride_w) * c.in_c));
    p.far = kAsksAhead && weights_of(c) > kNearWeights;
    if (p.far) {  // they are read again for each strip
        p.strip = min(c.out_h, max(p.strip, kFarStrip / (c.stride_h * p.row)));
        p.columns = max(p.columns, kFarStrip / (static_cast<ptrdiff_t>(c.stride_w) * c.in_c));
    }
    const ptrdiff_t count = (c.out_w + p.columns - 1) / p.columns;
    p.columns = (c.out_w + count - 1) / count;
    return p;
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return weights_of(c) + round_up(c.out_c, kLanes);
}

// Blocks of output channels: whole vectors.
struct Whole {
    static ptrdiff_t width(ptrdiff_t channels, ptrdiff_t out) { return block_width(channels, out); }
    static void run(const Run& r, ptrdiff_t pixels, bool alone) { run_pixels(r, pixels, alone); }
};

// The bias, then the weights of each block of output channels.
template <typename Blocks>
bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t all = round_up(c.out_c, kLanes),
                    taps = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    for (ptrdiff_t o = 0; o < all; ++o) *to++ = o < c.out_c ? bias[o] : 0.0f;
    for (ptrdiff_t first = 0, width; first < c.out_c; first += width) {
        width = Blocks::width(c.out_c, first);
        for (ptrdiff_t tap = 0; tap < taps; ++tap) {
            for (ptrdiff_t i = 0; i < c.in_c; ++i) {
                for (ptrdiff_t o = first; o < first + width; ++o)
                    *to++ = o < c.out_c ? packed(c, weight, c.in_c, tap, i, o) : 0.0f;
            }
        }
    }
    return true;
}

// The input rows of so many rows of the output.
inline ptrdiff_t strip_rows(const Conv& c, ptrdiff_t rows) {
    return (rows - 1) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1;
}

inline ptrdiff_t workspace_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    if (p.upright) return strip_rows(c, p.strip) * span_of(c) * c.out_w;
    return p.padded ? strip_rows(c, p.strip) * p.row : 0;
}

inline bool fits(const void* fields) {
    return conv_of(fields).groups == 1 && workspace_floats(fields) <= kMostWorkspace;
}

// Input rows from `top` on, between zeros.
inline void copy_rows(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t rows, ptrdiff_t row,
                      float* to) {
    const ptrdiff_t before = static_cast<ptrdiff_t>(c.pad_w) * c.in_c;
    const ptrdiff_t floats = max(0, min(static_cast<ptrdiff_t>(c.in_w) * c.in_c, row - before));
    const ptrdiff_t start = min(before, row);
    for (ptrdiff_t r = 0; r < rows; ++r, to += row) {
        const ptrdiff_t in = top + r;
        if (in < 0 || in >= c.in_h) {
            for (ptrdiff_t i = 0; i < row; ++i) to[i] = 0.0f;
            continue;
        }
        for (ptrdiff_t i = 0; i < start; ++i) to[i] = 0.0f;
        __builtin_memcpy(to + start, x + in * c.in_w * c.in_c, sizeof(float) * floats);
        for (ptrdiff_t i = start + floats; i < row; ++i) to[i] = 0.0f;
    }
}

// What `rows` output rows from `top` on read, between zeros where there is padding.
inline const float* strip(const Conv& c, const Plan& p, const float* x, ptrdiff_t top,
                          ptrdiff_t rows, float* workspace) {
    if (!p.padded) return x + top * c.stride_h * p.row;
    copy_rows(c, x, top * c.stride_h - c.pad_h, strip_rows(c, rows), p.row, workspace);
    return workspace;
}

// What `parts` count: rows of the output; pixels, if it has one row; blocks of channels, if it has
// one pixel.
enum class Cut { kRows, kPixels, kBlocks };
inline Cut cut(const Conv& c) {
    if (c.out_h > 1) return Cut::kRows;
    return c.out_w > 1 ? Cut::kPixels : Cut::kBlocks;
}
inline ptrdiff_t parts(const void* fields) {
    const Conv& c = conv_of(fields);
    const Cut by = cut(c);
    if (by == Cut::kBlocks) return (c.out_c + kBlock - 1) / kBlock;
    return by == Cut::kRows ? c.out_h : c.out_w;
}

// Of `rows` input rows from `top` on, the kernel's columns from `left` on, between zeros.
inline void copy_columns(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t rows,
                         ptrdiff_t left, float* to) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c, span = span_of(c);
    const ptrdiff_t start = max(0, -left) * c.in_c, end = min(c.kernel_w, c.in_w - left) * c.in_c;
    const bool quad = span == 4 && start == 0 && end == span;
    for (ptrdiff_t in = top; in < top + rows; ++in, to += span) {
        const float* from = x + in * row + left * c.in_c;
        if (in >= 0 && in < c.in_h && quad) {
            __builtin_memcpy(to, from, 4 * sizeof *to);
            continue;
        }
        const bool inside = in >= 0 && in < c.in_h;
        for (ptrdiff_t i = 0; i < span; ++i)
            to[i] = inside && i >= start && i < end ? from[i] : 0.0f;
    }
}

// Columns of pixels, each of which reads one run of floats, which overlaps with the next one's.
template <typename Blocks>
void convolve_columns(const Conv& c, const Plan& p, const float* prepared, const float* x,
                      const float* residual, float* y, ptrdiff_t y_pixel, float* workspace,
                      ptrdiff_t first, ptrdiff_t end) {
    const ptrdiff_t span = span_of(c);
    Run r;
    r.rows = r.taps = 1, r.span = c.kernel_h * span, r.x_row = r.x_tap = 0;
    r.x_pixel = c.stride_h * span, r.y_pixel = c.out_w * y_pixel;
    r.limits = limits_of(c), r.ahead = {prepared, 0};
    for (ptrdiff_t top = first; top < end; top += p.strip) {
        const ptrdiff_t rows = min(p.strip, end - top), floats = strip_rows(c, rows) * span;
        for (ptrdiff_t column = 0; column < c.out_w; ++column)
            copy_columns(c, x, top * c.stride_h - c.pad_h, strip_rows(c, rows),
                         column * c.stride_w - c.pad_w, workspace + column * floats);
        for (ptrdiff_t o = 0, width; o < c.out_c; o += width) {
            width = Blocks::width(c.out_c, o);
            r.w = prepared + round_up(c.out_c, kLanes) + o * r.span;
            r.bias = prepared + o, r.channels = min(width, c.out_c - o);
            for (ptrdiff_t column = 0; column < c.out_w; ++column) {
                const ptrdiff_t at = (top * c.out_w + column) * y_pixel + o;
                r.x = workspace + column * floats;
                r.y = y + at, r.residual = residual ? residual + at : nullptr;
                Blocks::run(r, rows, false);
            }
        }
    }
}

// Pixels of y and of the residual lie y_pixel floats apart.
template <typename Blocks>
void convolve(const void* fields, const float* prepared, const float* x, const float* residual,
              float* y, ptrdiff_t y_pixel, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    if (p.upright)
        return convolve_columns<Blocks>(c, p, prepared, x, residual, y, y_pixel, workspace, first,
                                        end);
    const ptrdiff_t in = c.in_c, out = c.out_c,
                    taps = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    const bool joined = c.dilation_w == 1;
    Run r;
    r.rows = c.kernel_h, r.taps = joined ? 1 : c.kernel_w, r.span = joined ? c.kernel_w * in : in;
    r.x_row = c.dilation_h * p.row, r.x_tap = c.dilation_w * in, r.x_pixel = c.stride_w * in;
    if (r.taps == 1 && r.x_row == r.span) r.span *= r.rows, r.rows = 1;  // one run of floats
    r.y_pixel = y_pixel, r.limits = limits_of(c);
    const Cut by = cut(c);
    const ptrdiff_t row0 = by == Cut::kRows ? first : 0, row1 = by == Cut::kRows ? end : 1;
    const ptrdiff_t pixel0 = by == Cut::kPixels ? first : 0;
    const ptrdiff_t pixel1 = by == Cut::kPixels ? end : c.out_w;
    const ptrdiff_t block0 = by == Cut::kBlocks ? first * kBlock : 0;
    const ptrdiff_t block1 = by == Cut::kBlocks ? min(end * kBlock, out) : out;
    for (ptrdiff_t top = row0; top < row1; top += p.strip) {
        const ptrdiff_t rows = min(p.strip, row1 - top);
        const float* from = strip(c, p, x, top, rows, workspace);
        for (ptrdiff_t left = pixel0; left < pixel1; left += p.columns) {
            const ptrdiff_t pixels = min(p.columns, pixel1 - left);
            r.w = prepared + round_up(out, kLanes) + block0 * in * taps;
            for (ptrdiff_t o = block0, width; o < block1; o += width) {
                width = Blocks::width(out, o);
                r.bias = prepared + o, r.channels = min(width, out - o);
                const ptrdiff_t block = width * in * taps;
                const ptrdiff_t each =
                    passes(pixels, static_cast<int>((width + kLanes - 1) / kLanes));
                r.ahead = ahead_of(r.w + block, width, rows * each, p.far);
                for (ptrdiff_t row = 0; row < rows; ++row) {
                    const ptrdiff_t at = ((top + row) * c.out_w + left) * y_pixel + o;
                    r.x = from + row * c.stride_h * p.row + left * r.x_pixel;
                    r.y = y + at, r.residual = residual ? residual + at : nullptr;
                    Blocks::run(r, pixels, c.out_w == 1);
                    r.ahead.from += each * in * taps * r.ahead.step;
                }
                r.w += block;
            }
        }
    }
}

template <typename Blocks>
void run(const void* fields, const float* prepared, const float* x, const float* residual, float* y,
         float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<Blocks>(fields, prepared, x, residual, y, conv_of(fields).out_c, workspace, first,
                     end);
}
template <typename Blocks>
void run_apart(const void* fields, const float* prepared, const float* x, float* y,
               ptrdiff_t y_pixel, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<Blocks>(fields, prepared, x, nullptr, y, y_pixel, workspace, first, end);
}

// Matrix products of several images.
inline void run_images(const void* fields, const float* prepared, const float* x, float* y,
                       ptrdiff_t images, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t out = c.out_c;
    Run r;
    r.rows = r.taps = 1, r.span = c.in_c, r.x_row = r.x_tap = 0, r.x_pixel = c.in_c;
    r.y_pixel = out, r.limits = limits_of(c), r.residual = nullptr;
    r.ahead = {prepared, 0};
    for (ptrdiff_t o = first * kBlock; o < min(end * kBlock, out); o += kBlock) {
        r.w = prepared + round_up(out, kLanes) + o * c.in_c;
        r.bias = prepared + o, r.channels = min(kBlock, out - o), r.x = x, r.y = y + o;
        const ptrdiff_t vecs = block_width(out, o) / kLanes;
        if (vecs == 1) {
            singles<1>(r, images);
        } else if (vecs == 2) {
            singles<2>(r, images);
        } else {
            for (ptrdiff_t p = 0; p < images; ++p, r.x += c.in_c, r.y += out)
                run_pixels(r, 1, true);
        }
    }
}

constexpr ProgramAlgorithm kConv = {
    "dense", "conv",  fits,       prepared_floats, prepare<Whole>,  workspace_floats,
    parts,   nullptr, run<Whole>, run_images,      run_apart<Whole>};

}  // namespace dense
}  // namespace fast
