// What training computes on vectors, as a table for each instruction set. Images lie as [H][W][C].
#pragma once

#include "kernels.h"

namespace cnnkit {

// c[rows][columns] = the sum over runs and their steps of a times b, or that added to c. Whole
// vectors of columns: b and c are read and written up to a multiple of TrainingKernels::lanes.
struct MatrixProduct {
    const float* a;
    ptrdiff_t a_row, a_run, a_step;  // floats from one to the next
    const float* b;
    ptrdiff_t b_run, b_step;
    float* c;
    ptrdiff_t c_row;
    ptrdiff_t b_vector, c_vector;         // from one vector of columns to the next
    ptrdiff_t rows, columns, runs, span;  // a run has `span` steps
    bool add;
    // Two arrays that lie as `a` does and are used soon, of which each run's first steps are asked
    // for meanwhile; or none.
    const float* soon[2];
};

// A max-pool of channels [H][W][C] whose window is cut at the borders.
struct PoolShape {
    Pair input, output, kernel, stride, padding;
    ptrdiff_t channels;
    ptrdiff_t pixel;  // floats of an input pixel, which may be more than its channels
};

constexpr ptrdiff_t kListed = 16;  // windows whose maxima are listed together

// What the lists of maxima need: gradients and places, windows, and where bands of them end; or
// where each pixel's end.
inline ptrdiff_t maxima_floats(const PoolShape& s) {
    const ptrdiff_t windows = (s.output.h * s.output.w + kListed - 1) / kListed * kListed;
    return s.channels * (2 * windows + windows / kListed + 2) +
           windows * (1 + s.kernel.h * s.kernel.w) + 3 * kListed;
}

// The convolution before a max-pool: what a pooled pixel's maximum passes to weights and inputs.
// Kernel rows are runs of floats in images padded with zeros, filled up to whole vectors.
struct MaximaShape {
    PoolShape pool;
    Pair stride;                           // of the convolution
    ptrdiff_t row, pixel;                  // floats of the padded input
    ptrdiff_t kernel_rows, reach, filled;  // floats of a kernel row, and up to whole vectors
};

// A convolution of one input channel, stride 1, before a max-pool of 2x2. Rows of its input are
// split into `half` even columns and as many odd ones.
struct PooledRows {
    Pair output, kernel;
    ptrdiff_t channels, half;
    ptrdiff_t weight_tap, weight_block;  // output channels of a block, and a block's floats
    bool relu;
};

// A convolution of one or three input channels, 3x3 with stride 1, before a max-pool of 2x2.
struct PooledColumns {
    Pair output;  // of the pool
    ptrdiff_t inputs, channels;
    ptrdiff_t row;    // floats of a padded row, for whole tiles of 4x4 outputs
    ptrdiff_t plane;  // floats from one of six transformed rows to the next, whole vectors
    ptrdiff_t weight_tap, weight_block;  // output channels of a block, and a block's floats
    bool relu;
};

// The gradients of a 3x3 convolution with stride 1 in Winograd's tiles of 4x4 outputs: 36 planes of
// [tile][channel], from one of which to the next are `plane` floats. Channels are multiples of 16.
constexpr int kWinogradTile = 4, kWinogradPlanes = 36;
struct WinogradShape {
    Pair output, tiles;  // of the convolution
    ptrdiff_t inputs, outputs;
    ptrdiff_t row;  // floats of a row of x and dx, which are padded to what whole tiles read
    bool goes_on;   // below other tiles, which have written the rows of dx that both read
};

struct TrainingKernels {
    ptrdiff_t lanes;
    void (*multiply)(const MatrixProduct& product);
    // to[columns][rows] of from[rows][columns]
    void (*transpose)(const float* from, ptrdiff_t from_row, ptrdiff_t rows, ptrdiff_t columns,
                      float* to, ptrdiff_t to_row);
    // y [H][W][C] and max-pool indices as ConvKernel::run has them; with `relu`, what is not above
    // zero becomes zero and has none.
    void (*max_pool)(const PoolShape& shape, const float* x, float* y, unsigned char* indices,
                     bool relu);
    // dx [H][W][C] of dy; y's maxima, where `indices` has them.
    void (*max_pool_backward)(const PoolShape& shape, const float* dy, const unsigned char* indices,
                              float* dx);
    // Splits padded rows of an image, with zeros beyond their ends.
    void (*split_rows)(const float* x, ptrdiff_t rows, ptrdiff_t row, ptrdiff_t half, float* to);
    // y and indices as max_pool has them, of split rows and weights in blocks.
    void (*pooled_rows)(const PooledRows& shape, const float* x, const float* weight,
                        const float* bias, float* y, unsigned char* indices);
    // Its weights as it reads them, 18 floats for each output channel of whole vectors and input;
    // then y and indices as max_pool has them, of padded rows.
    void (*columns_weights)(const PooledColumns& shape, const float* weight, float* to);
    void (*pooled_columns)(const PooledColumns& shape, const float* x, const float* weight,
                           const float* bias, float* memory, float* y, unsigned char* indices);
    // Lists the maxima of an image, in memory for maxima_floats(shape.pool), and adds the gradients
    // of each channel to its total.
    void (*list_maxima)(const MaximaShape& shape, const float* dy, const unsigned char* indices,
                        float* memory, float* totals);
    // Adds to sums [Cout][kernel row][filled] of one image by the lists.
    void (*maxima_weights)(const MaximaShape& shape, const float* x, float* memory, float* sums);
    // Adds to dx, padded as x is; in the same memory, whose lists are lost.
    void (*maxima_input)(const MaximaShape& shape, const float* dy, const unsigned char* indices,
                         const float* weight, float* memory, float* dx);
    // x, or dy, in tiles; and the sums of dy added to totals.
    void (*winograd_input)(const WinogradShape& shape, const float* x, float* to, ptrdiff_t plane);
    void (*winograd_slopes)(const WinogradShape& shape, const float* dy, float* to, ptrdiff_t plane,
                            float* totals);
    // dx of the products of dy's tiles and weights.
    void (*winograd_back)(const WinogradShape& shape, const float* from, ptrdiff_t plane,
                          float* dx);
    // Planes of `count` weights [tap][count], whole vectors; and the gradients [tap][count] of
    // planes of sums.
    void (*winograd_weights)(const float* weight, ptrdiff_t count, float* to, ptrdiff_t plane);
    void (*winograd_sums)(const float* sums, ptrdiff_t plane, ptrdiff_t count, float* gradient);
    // sums[c] += the sum over pixels of x[pixel][c]
    void (*add_pixels)(const float* x, ptrdiff_t pixels, ptrdiff_t channels, float* sums);
    // sums[c] += the squares of x[pixel][c] - mean[c]
    void (*add_squares)(const float* x, const float* mean, ptrdiff_t pixels, ptrdiff_t channels,
                        float* sums);
    // sums[c] += dy[pixel][c] * (x[pixel][c] - mean[c])
    void (*add_products)(const float* x, const float* mean, const float* dy, ptrdiff_t pixels,
                         ptrdiff_t channels, float* sums);
    // y = scale[c] * (x - mean[c]) + shift[c]
    void (*normalise)(const float* x, const float* mean, const float* scale, const float* shift,
                      ptrdiff_t pixels, ptrdiff_t channels, float* y);
    // dx = scale[c] * (dy - even[c] - (x - mean[c]) * slope[c])
    void (*normalise_backward)(const float* x, const float* mean, const float* dy,
                               const float* scale, const float* even, const float* slope,
                               ptrdiff_t pixels, ptrdiff_t channels, float* dx);
    // y = max(x, 0), in which NaN stays; and dy becomes zero where y is not above zero
    void (*relu)(const float* x, ptrdiff_t count, float* y);
    void (*relu_backward)(const float* y, ptrdiff_t count, float* dy);
    // y = scale * x, or zero where the random bits of a place, which the keys determine, are below
    // `threshold` (of 2^24).
    void (*drop)(const float* x, ptrdiff_t count, unsigned key, unsigned more, unsigned threshold,
                 float scale, float* y);
};

// The table for an instruction set.
const TrainingKernels& training_kernels(const KernelTable& kernels);

}  // namespace cnnkit
