/* See fitting.h. A picture is resampled along its rows, then along its columns, or the other way
   round if it is tall, each time rounded to 8 bits. The filter is widened for a smaller picture,
   and its weights are in fixed point. */
#include "fitting.h"

#include <math.h>

enum { FRACTION_BITS = 22, ONE = 1 << FRACTION_BITS, HALF = ONE / 2 };
enum { LARGEST_SIDE = 1 << 24 }; /* up to here float holds every coordinate */

/* Keeps the compiler from fusing a product with a sum, or from carrying more digits: both would
   move a rounding. */
static double rounded(double value) {
    volatile double kept = value;
    return kept;
}

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x) {
    x = fabs(x);
    if (x < 1.0) return rounded((rounded(1.5 * x) - 2.5) * x * x) + 1;
    if (x < 2.0) return (rounded((rounded((x - 5) * x) + 8) * x) - 4) * -0.5;
    return 0.0;
}

static double sinc(double x) {
    if (x == 0.0) return 1.0;
    x = rounded(x * 3.14159265358979323846);
    return sin(x) / x;
}

static double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

/* By CNNKIT_FILTER_...; "nearest" takes the pixel under the centre and has no weights. */
static const struct {
    double (*weight)(double);
    double support;
} FILTERS[] = {{NULL, 0.0}, {box, 0.5}, {bilinear, 1.0}, {bicubic, 2.0}, {lanczos, 3.0}};

/* Resampling along one axis: `out` pixels from those between `start` and `end` of `in` pixels. */
typedef struct {
    int in, out, filter;
    int taps; /* the largest number of pixels of which one is made */
    double start, scale, support;
    double position; /* of the next pixel, for "nearest" */
} axis;

static axis make_axis(int in, int out, double start, double end, int filter) {
    axis a;
    const volatile float first = (float)start, last = (float)end, extent = last - first;
    a.in = in;
    a.out = out;
    a.start = first;
    a.scale = (double)extent / out;
    a.filter = in == out && first == 0 && last == (float)in ? CNNKIT_FILTER_NEAREST : filter;
    a.support = rounded(FILTERS[a.filter].support * (a.scale < 1.0 ? 1.0 : a.scale));
    a.taps = a.filter == CNNKIT_FILTER_NEAREST ? 1 : (int)ceil(a.support) * 2 + 1;
    a.position = a.start + rounded(a.scale * 0.5);
    return a;
}

static int nearest_tap(axis* a, int32_t* taps, int* count) {
    const int first = (int)a->position;
    a->position += a->scale;
    taps[0] = ONE;
    *count = first < a->in;
    return *count ? first : 0;
}

/* Compute the weights of pixel `at`, which come in order. Return the first pixel that has one. */
static int make_taps(axis* a, int at, double* weights, int32_t* taps, int* count) {
    const double inverse = 1.0 / (a->scale < 1.0 ? 1.0 : a->scale);
    const double centre = a->start + rounded((at + 0.5) * a->scale);
    double total = 0.0;
    int first, last, i;
    if (a->filter == CNNKIT_FILTER_NEAREST) return nearest_tap(a, taps, count);
    first = (int)(centre - a->support + 0.5);
    last = (int)(centre + a->support + 0.5);
    if (first < 0) first = 0;
    if (last > a->in) last = a->in;
    for (i = 0; i < last - first; ++i) {
        const double distance = rounded((i + first - centre + 0.5) * inverse);
        weights[i] = rounded(FILTERS[a->filter].weight(distance));
        total += weights[i];
    }
    for (i = 0; i < last - first; ++i) {
        const double share = total != 0.0 ? weights[i] / total : weights[i];
        taps[i] = (int32_t)(share * (double)ONE + (share < 0 ? -0.5 : 0.5));
    }
    *count = last - first;
    return first;
}

static uint8_t to_byte(int32_t sum) {
    const int32_t value = sum < 0 ? 0 : sum >> FRACTION_BITS;
    return (uint8_t)(value > 255 ? 255 : value);
}

static uint8_t on_white(unsigned value, unsigned alpha) {
    const uint32_t sum = (value * alpha + 255u * (255u - alpha) + 128u) << 7;
    return (uint8_t)((((sum >> 8) + sum) >> 8) >> 7);
}

/* Read a row of the picture as `channels` samples a pixel: 1 or 3. */
static void read_row(const cnnkit_picture* picture, int y, int channels, uint8_t* row) {
    const int colours = picture->channels < 3 ? 1 : 3, alpha = picture->channels % 2 == 0;
    const size_t samples = (size_t)picture->width * (size_t)picture->channels;
    const uint8_t* pixel = picture->pixels + (size_t)y * samples;
    int x, c;
    for (x = 0; x < picture->width; ++x, pixel += picture->channels, row += channels) {
        uint8_t seen[3];
        for (c = 0; c < 3; ++c) {
            const uint8_t value = pixel[c % colours];
            seen[c] = alpha ? on_white(value, pixel[colours]) : value;
        }
        for (c = 0; c < channels; ++c) row[c] = seen[c];
        if (channels < colours)
            row[0] =
                (uint8_t)((seen[0] * 19595u + seen[1] * 38470u + seen[2] * 7471u + 0x8000u) >> 16);
    }
}

typedef struct {
    axis across, down;
    int left, top;     /* where the resampled picture lies in the image */
    int columns_first; /* whether columns are resampled before rows */
    int rows;          /* resampled rows that are kept, if rows are resampled first */
} plan;

/* Return `old` scaled by `new_side / old_side`, at least 1, with halves rounded to even. */
static int scaled(int old, int old_side, int new_side) {
    const double side = rint(rounded((double)old / old_side) * new_side);
    return side < 1 ? 1 : (int)side;
}

static int half(int space) { return space / 2 + (space & 1 & space / 2); } /* rounded to even */

static const char* make_plan(const cnnkit_fitting* f, const cnnkit_picture* p, plan* made) {
    double ratio, wanted, left, top, width, height;
    int out_width = f->width, out_height = f->height;
    if (p->channels < 1 || p->channels > 4 || p->width < 1 || p->height < 1 ||
        p->width > LARGEST_SIDE || p->height > LARGEST_SIDE)
        return "has an unknown number of channels, or sides out of range";
    if ((f->channels != 1 && f->channels != 3) || f->width < 1 || f->height < 1 ||
        f->width > LARGEST_SIDE || f->height > LARGEST_SIDE || f->mode < CNNKIT_FIT_NONE ||
        f->mode > CNNKIT_FIT_CROP || f->filter < CNNKIT_FILTER_NEAREST ||
        f->filter > CNNKIT_FILTER_LANCZOS || f->fill < 0 || f->fill > 255)
        return "cannot be prepared: the network's preprocessing is unknown";
    if (f->mode == CNNKIT_FIT_NONE && (p->width != f->width || p->height != f->height))
        return "has another size than the network's";
    width = p->width;
    height = p->height;
    ratio = width / height;
    wanted = (double)f->width / f->height;
    if (f->mode == CNNKIT_FIT_PAD && ratio > wanted)
        out_height = scaled(p->height, p->width, f->width);
    else if (f->mode == CNNKIT_FIT_PAD && ratio < wanted)
        out_width = scaled(p->width, p->height, f->height);
    else if (f->mode == CNNKIT_FIT_CROP && ratio > wanted)
        width = rounded(wanted * p->height);
    else if (f->mode == CNNKIT_FIT_CROP && ratio < wanted)
        height = p->width / wanted;
    left = rounded((p->width - width) * 0.5);
    top = rounded((p->height - height) * 0.5);
    made->across = make_axis(p->width, out_width, left, left + width, f->filter);
    made->down = make_axis(p->height, out_height, top, top + height, f->filter);
    made->left = half(f->width - out_width);
    made->top = half(f->height - out_height);
    made->columns_first =
        p->height > out_height && p->height - out_height > 2 * (p->width - out_width);
    made->rows = made->down.taps < p->height ? made->down.taps : p->height;
    if (made->columns_first) made->rows = 0;
    return NULL;
}

/* The parts of the working memory, those with the strictest alignment first. */
typedef struct {
    double* weights;
    int32_t *across, *down, *bounds, *sums;
    uint8_t *row, *kept, *done;
} memory;

/* The number of samples of a row that is resampled along the columns. */
static size_t row_of_sums(const plan* made, const cnnkit_fitting* f, const cnnkit_picture* p) {
    return (size_t)(made->columns_first ? p->width : made->across.out) * (size_t)f->channels;
}

static uint64_t bytes_needed(const plan* made, const cnnkit_fitting* f, const cnnkit_picture* p) {
    const uint64_t width = (uint64_t)made->across.out, samples = width * (uint64_t)f->channels;
    const uint64_t across = (uint64_t)made->across.taps, down = (uint64_t)made->down.taps;
    const uint64_t ints = width * across + down + 2 * width + row_of_sums(made, f, p);
    return (across > down ? across : down) * sizeof(double) + ints * sizeof(int32_t) +
           (uint64_t)p->width * (uint64_t)f->channels + ((uint64_t)made->rows + 1) * samples;
}

static memory lay_out(const plan* made, const cnnkit_fitting* f, const cnnkit_picture* p,
                      void* work) {
    const int across = made->across.taps, down = made->down.taps;
    const size_t width = (size_t)made->across.out;
    memory m;
    m.weights = (double*)work;
    m.across = (int32_t*)(m.weights + (across > down ? across : down));
    m.down = m.across + width * (size_t)across;
    m.bounds = m.down + down;
    m.sums = m.bounds + 2 * width;
    m.row = (uint8_t*)(m.sums + row_of_sums(made, f, p));
    m.done = m.row + (size_t)p->width * (size_t)f->channels;
    m.kept = m.done + width * (size_t)f->channels;
    return m;
}

static void resample_row(const axis* a, const memory* m, int channels, uint8_t* out) {
    const int32_t* taps = m->across;
    int x, c, i;
    for (x = 0; x < a->out; ++x, taps += a->taps) {
        const uint8_t* pixels = m->row + (ptrdiff_t)m->bounds[2 * x] * channels;
        for (c = 0; c < channels; ++c) {
            const uint8_t* sample = pixels + c;
            int32_t sum = HALF;
            for (i = 0; i < m->bounds[2 * x + 1]; ++i, sample += channels) sum += *sample * taps[i];
            *out++ = to_byte(sum);
        }
    }
}

static void store_row(const cnnkit_fitting* f, const plan* made, const uint8_t* row, int y,
                      uint8_t* image) {
    const size_t channels = (size_t)f->channels, width = (size_t)f->width;
    const size_t plane = (size_t)f->height * width;
    size_t at = (size_t)(made->top + y) * width + (size_t)made->left, c;
    int x;
    for (x = 0; x < made->across.out; ++x, ++at)
        for (c = 0; c < channels; ++c)
            image[f->interleaved ? at * channels + c : at + c * plane] = *row++;
}

size_t cnnkit_fit_bytes(const cnnkit_fitting* fitting, const cnnkit_picture* picture) {
    plan made;
    uint64_t bytes;
    if (make_plan(fitting, picture, &made)) return 0;
    bytes = bytes_needed(&made, fitting, picture);
    return bytes > SIZE_MAX ? 0 : (size_t)bytes;
}

static void add_row(int32_t* sums, const uint8_t* row, int32_t weight, size_t samples) {
    size_t i;
    for (i = 0; i < samples; ++i) sums[i] += row[i] * weight;
}

/* Compute rows of the resampled picture, the columns first; those of the picture are read again
   for each row that they are a part of. */
static void fit_columns_first(const cnnkit_fitting* f, const cnnkit_picture* p, plan* made,
                              const memory* m, uint8_t* image) {
    const size_t samples = row_of_sums(made, f, p);
    int y, tap, count;
    size_t i;
    for (y = 0; y < made->down.out; ++y) {
        const int first = make_taps(&made->down, y, m->weights, m->down, &count);
        for (i = 0; i < samples; ++i) m->sums[i] = HALF;
        for (tap = 0; tap < count; ++tap) {
            read_row(p, first + tap, f->channels, m->row);
            add_row(m->sums, m->row, m->down[tap], samples);
        }
        for (i = 0; i < samples; ++i) m->row[i] = to_byte(m->sums[i]);
        resample_row(&made->across, m, f->channels, m->done);
        store_row(f, made, m->done, y, image);
    }
}

/* The same, the rows first; as many of them are kept as one row of the result is made of. */
static void fit_rows_first(const cnnkit_fitting* f, const cnnkit_picture* p, plan* made,
                           const memory* m, uint8_t* image) {
    const size_t samples = row_of_sums(made, f, p);
    int y, tap, count, next = 0;
    size_t i;
    for (y = 0; y < made->down.out; ++y) {
        const int first = make_taps(&made->down, y, m->weights, m->down, &count);
        for (i = 0; i < samples; ++i) m->sums[i] = HALF;
        if (next < first) next = first;
        for (; next < first + count; ++next) {
            read_row(p, next, f->channels, m->row);
            resample_row(&made->across, m, f->channels,
                         m->kept + (size_t)(next % made->rows) * samples);
        }
        for (tap = 0; tap < count; ++tap)
            add_row(m->sums, m->kept + (size_t)((first + tap) % made->rows) * samples, m->down[tap],
                    samples);
        for (i = 0; i < samples; ++i) m->done[i] = to_byte(m->sums[i]);
        store_row(f, made, m->done, y, image);
    }
}

const char* cnnkit_fit(const cnnkit_fitting* fitting, const cnnkit_picture* picture, void* work,
                       uint8_t* image) {
    const char* problem;
    plan made;
    memory m;
    size_t size, i;
    int x;
    problem = make_plan(fitting, picture, &made);
    if (problem) return problem;
    if (!cnnkit_fit_bytes(fitting, picture)) return "takes more memory than there is";
    m = lay_out(&made, fitting, picture, work);
    size = (size_t)fitting->channels * (size_t)fitting->height * (size_t)fitting->width;
    for (i = 0; i < size; ++i) image[i] = (uint8_t)fitting->fill;
    for (x = 0; x < made.across.out; ++x)
        m.bounds[2 * x] =
            make_taps(&made.across, x, m.weights, m.across + (ptrdiff_t)x * made.across.taps,
                      &m.bounds[2 * x + 1]);
    (made.columns_first ? fit_columns_first : fit_rows_first)(fitting, picture, &made, &m, image);
    return NULL;
}
