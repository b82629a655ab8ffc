#include "program/concat.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "program/places.h"

namespace cnnkit {

namespace {

// As the C format's `copy`.
struct Copy {
    int size[5], x[5], y[5], start_x, start_y;
};
Copy copy_of(const ProgramStep& step) {
    Copy copy;
    std::memcpy(&copy, step.fields.data(), sizeof copy);
    return copy;
}

// The floats between the pixels that a copy of all of x writes, if x lies in one piece and its
// pixels keep their order; otherwise 0.
ptrdiff_t pixel_of(const Copy& c, ptrdiff_t floats) {
    ptrdiff_t pixel = 0, pixels = 1;
    if (c.start_x || c.x[4] != 1 || c.y[4] != 1) return 0;
    for (int axis = 3; axis >= 0; --axis) {
        if (c.size[axis] == 1) continue;
        if (!pixel) pixel = c.y[axis];
        if (c.x[axis] != pixels * c.size[4] || c.y[axis] != pixels * pixel) return 0;
        pixels *= c.size[axis];
    }
    return pixels * c.size[4] == floats && c.start_y + c.size[4] <= pixel ? pixel : 0;
}

}  // namespace

std::vector<InPlace> concatenate_in_place(Program& program, const std::vector<bool>& may) {
    const std::vector<ProgramStep>& steps = program.steps;
    std::vector<InPlace> found(steps.size());
    const ptrdiff_t buffers = static_cast<ptrdiff_t>(program.sizes.size());
    std::vector<std::vector<size_t>> writers(buffers), readers(buffers);
    for (size_t s = 0; s < steps.size(); ++s) {
        writers[steps[s].output].push_back(s);
        for (const ptrdiff_t place : steps[s].inputs) {
            if (place >= 0) readers[place].push_back(s);
        }
    }
    Places places(program);
    for (ptrdiff_t to = 0; to < buffers; ++to) {
        // Copies alone write it, each its own channels, before anything reads it.
        ptrdiff_t pixel = 0;
        bool whole = !readers[to].empty() && to != program.result;
        std::vector<std::pair<ptrdiff_t, ptrdiff_t>> channels;
        for (const size_t t : writers[to]) {
            if (!whole || steps[t].kernel != "copy" || steps[t].inputs[0] < 0 ||
                readers[to].front() <= t) {
                whole = false;
                break;
            }
            const Copy copy = copy_of(steps[t]);
            const ptrdiff_t each = pixel_of(copy, program.sizes[steps[t].inputs[0]]);
            whole = each && (!pixel || each == pixel);
            pixel = each;
            channels.emplace_back(copy.start_y, copy.start_y + copy.size[4]);
        }
        std::sort(channels.begin(), channels.end());
        for (size_t i = 1; i < channels.size(); ++i)
            whole = whole && channels[i - 1].second <= channels[i].first;
        if (!whole || channels.size() < 2) continue;
        size_t first = steps.size();
        for (const size_t t : writers[to]) {
            const ptrdiff_t from = steps[t].inputs[0];
            if (from == program.result || writers[from].size() != 1 || readers[from].size() != 1)
                continue;
            const size_t s = writers[from][0];
            if (s >= t || !may[s] || !may[t] || steps[s].kernel != "conv") continue;
            const Copy copy = copy_of(steps[t]);
            if (ConvSizes(steps[s]).out_c != copy.size[4]) continue;  // its rows are joined
            found[s] = {t, copy.start_y, pixel};
            first = std::min(first, s);
        }
        if (first == steps.size()) continue;
        places.move(to, first);
    }
    return found;
}

}  // namespace cnnkit
