#include "program/concat.h"

#include <algorithm>
#include <cstring>
#include <utility>

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

// Room behind the program's arena.
class Places {
  public:
    explicit Places(Program& program) : program_(program), base_((program.arena + 15) / 16 * 16) {}

    // Whether two buffers share floats.
    bool meet(ptrdiff_t a, ptrdiff_t b) const {
        const std::vector<ptrdiff_t>&at = program_.offsets, &size = program_.sizes;
        return at[a] < at[b] + size[b] && at[b] < at[a] + size[a];
    }

    // Moves a buffer that is needed from a step on behind the arena, beside those that were moved
    // there and are needed at the same time.
    void move(ptrdiff_t buffer, size_t first) {
        const Moved one = {buffer, first, last_of(buffer)};
        ptrdiff_t& offset = program_.offsets[buffer];
        offset = base_;
        for (bool again = true; again;) {
            again = false;
            for (const Moved& other : moved_) {
                if (one.first > other.last || other.first > one.last) continue;
                if (!meet(buffer, other.buffer)) continue;
                offset = program_.offsets[other.buffer] + program_.sizes[other.buffer];
                again = true;
            }
        }
        program_.arena = std::max(program_.arena, offset + program_.sizes[buffer]);
        moved_.push_back(one);
    }

  private:
    struct Moved {
        ptrdiff_t buffer;
        size_t first, last;  // the steps that need it
    };

    size_t last_of(ptrdiff_t buffer) const {
        size_t last = 0;
        for (size_t s = 0; s < program_.steps.size(); ++s) {
            const std::vector<ptrdiff_t>& inputs = program_.steps[s].inputs;
            if (std::count(inputs.begin(), inputs.end(), buffer)) last = s;
        }
        return last;
    }

    Program& program_;
    const ptrdiff_t base_;
    std::vector<Moved> moved_;
};

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
