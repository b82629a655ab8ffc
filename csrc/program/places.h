// Where buffers lie that are needed earlier than the program's arena was planned for.
#pragma once

#include <algorithm>
#include <vector>

#include "program/session.h"

namespace cnnkit {

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

}  // namespace cnnkit
