#include "runtime/architecture.h"

#include "runtime/conv_op.h"

namespace cnnkit {

std::vector<ConvShape> Architecture::shapes() const {
    std::vector<ConvShape> shapes;
    ptrdiff_t channels_in = channels;
    Pair input = {height, width};
    for (const Block& b : blocks) {
        ConvShape s = {};
        s.channels_in = channels_in, s.channels_out = b.channels, s.input = input;
        s.kernel = {b.kernel, b.kernel}, s.stride = {1, 1}, s.padding = {b.padding, b.padding};
        s.pool_kernel = s.pool_stride = {b.pool, b.pool};
        complete(s);
        shapes.push_back(s);
        channels_in = b.channels, input = s.output;
    }
    return shapes;
}

Layout::Layout(const Architecture& a) : shapes(a.shapes()), classes(a.classes), count(0) {
    features = a.pixels();
    for (const ConvShape& s : shapes) {
        weight.push_back(count);
        count += s.channels_out * s.channels_in * s.kernel.h * s.kernel.w;
        bias.push_back(count);
        count += s.channels_out;
        features = s.channels_out * s.output.h * s.output.w;
    }
    linear = count;
    linear_bias = linear + classes * features;
    count = linear_bias + classes;
}

}  // namespace cnnkit
