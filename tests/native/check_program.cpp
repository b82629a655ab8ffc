// Random programs of the general engine on every instruction set of this machine, each step against
// plain sums in double precision, and steps with damaged numbers. Every argument has a memory of
// its own, exactly as large as it is, so that sanitizers see what leaves it. Without Python, so
// that emulators can run it.
//
//     check_program COUNT
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "cpu/dispatch.h"
#include "cpu/features.h"
#include "random_program.h"

namespace {

using namespace cnnkit;

const ProgramKernel& find(const ProgramKernelTable& table, const std::string& name) {
    for (int i = 0; i < kProgramKernelCount; ++i)
        if (table.kernels[i].name == name) return table.kernels[i];
    throw std::invalid_argument(name);
}

// The largest of each 2x2 pixels of what a convolution wrote.
Floats pairs_of(const ConvSizes& c, const Floats& y) {
    Floats most;
    for (ptrdiff_t row = 0; row + 1 < c.out_h; row += 2)
        for (ptrdiff_t column = 0; column + 1 < c.out_w; column += 2)
            for (ptrdiff_t o = 0; o < c.out_c; ++o) {
                const float* at = y.data() + (row * c.out_w + column) * c.out_c + o;
                const float* below = at + static_cast<ptrdiff_t>(c.out_w) * c.out_c;
                most.push_back(
                    std::max(std::max(at[0], at[c.out_c]), std::max(below[0], below[c.out_c])));
            }
    return most;
}

// Each buffer of a program by itself.
struct Memory {
    const Chain& chain;
    std::vector<uint8_t> raw;
    std::vector<Floats> buffers;

    explicit Memory(const Chain& c) : chain(c), raw(c.image.count()) {
        for (uint8_t& pixel : raw) pixel = static_cast<uint8_t>(draw(0, 255));
        for (const Size& size : c.buffers) buffers.emplace_back(size.count(), NAN);
    }
    const Floats* argument(ptrdiff_t place) const {
        if (place >= 0) return &buffers[place];
        return place < -1 ? &chain.constants[-2 - place] : nullptr;
    }
    // Runs a step as the engine does, after `skipped` of the algorithms that take it. False if the
    // kernel's own check refuses it, or if it gives a pool behind it other values. `name` is that
    // of what computed it.
    bool run(const ProgramKernelTable& table, const ProgramStep& step, int skipped = 0,
             std::string* name = nullptr) {
        const ProgramKernel& kernel = find(table, step.kernel);
        const float* in[kMostProgramInputs] = {};
        ptrdiff_t floats[kMostProgramInputs + 1] = {};
        for (size_t i = 0; i < step.inputs.size(); ++i) {
            const Floats* values = argument(step.inputs[i]);
            if (values) in[i] = values->data(), floats[i] = static_cast<ptrdiff_t>(values->size());
        }
        if (step.kernel == "pixels") {
            in[2] = reinterpret_cast<const float*>(raw.data());
            floats[2] = static_cast<ptrdiff_t>(raw.size());
        }
        floats[step.inputs.size()] = static_cast<ptrdiff_t>(buffers[step.output].size());
        if (step.fields.size() != kernel.field_bytes) return false;
        if (!kernel.fits(step.fields.data(), floats)) return false;
        float* y = buffers[step.output].data();
        const void* fields = step.fields.data();
        const bool constant = step.inputs.size() > 1 && step.inputs[0] < -1 && step.inputs[1] < -1;
        for (int i = 0; i < table.algorithm_count; ++i) {
            const ProgramAlgorithm& fast = table.algorithms[i];
            if (step.kernel != fast.kernel || !fast.fits(fields) || (fast.prepare && !constant))
                continue;
            if (skipped-- > 0) continue;
            Floats prepared(fast.prepare ? fast.prepared_floats(fields) : 0);
            Floats workspace(fast.workspace_floats(fields), NAN);
            if (fast.prepare && !fast.prepare(fields, in[0], in[1], prepared.data())) continue;
            const float *x = in[fast.prepare ? 2 : 0], *residual = fast.prepare ? in[3] : nullptr;
            const ptrdiff_t parts = fast.parts(fields), cut = draw(0, parts);
            if (fast.accepts &&
                (!fast.accepts(fields, x, 0, cut) || !fast.accepts(fields, x, cut, parts)))
                break;
            fast.run(fields, prepared.data(), x, residual, y, workspace.data(), cut, parts);
            fast.run(fields, prepared.data(), x, residual, y, workspace.data(), 0, cut);
            if (name) *name = fast.name;
            if (!fast.run_pooled || residual) return true;
            const ConvSizes c(step);
            Floats pooled(static_cast<size_t>(c.out_h / 2) * (c.out_w / 2) * c.out_c, NAN);
            for (const auto& [from, to] : {std::pair{cut, parts}, std::pair{ptrdiff_t{0}, cut}})
                fast.run_pooled(fields, prepared.data(), x, pooled.data(), workspace.data(), from,
                                to);
            return pooled == pairs_of(c, buffers[step.output]);
        }
        if (name) *name = kernel.name;
        kernel.run(fields, in, y);
        return true;
    }
};

bool right(const Floats& found, const Wanted& wanted, const char* kernel) {
    const double times = std::strncmp(kernel, "winograd", 8) == 0 ? 16 : 1;  // its sums round more
    for (size_t i = 0; i < found.size(); ++i) {
        // Beyond float32 there is infinity alone.
        if (found[i] == static_cast<float>(wanted.values[i])) continue;
        if (std::fabs(found[i] - wanted.values[i]) <= times * wanted.near[i]) continue;
        std::printf("  %s: value %zu is %.9g, not %.9g\n", kernel, i, static_cast<double>(found[i]),
                    wanted.values[i]);
        return false;
    }
    return found.size() == wanted.values.size();
}

// Every algorithm that takes a step, the first one last.
bool check_steps(const ProgramKernelTable& table, Memory& memory, std::set<std::string>& seen) {
    const Floats pixels(memory.raw.begin(), memory.raw.end());
    for (const Step& step : memory.chain.steps) {
        const ProgramStep& call = step.call;
        std::vector<const Floats*> in;
        for (const ptrdiff_t place : call.inputs) in.push_back(memory.argument(place));
        if (call.kernel == "pixels") in[2] = &pixels;
        const Wanted wanted = step.reference(in, memory.buffers[call.output]);
        const Floats before = memory.buffers[call.output];
        for (int skipped = table.algorithm_count; skipped >= 0; --skipped) {
            memory.buffers[call.output] = before;
            std::string name;
            if (!memory.run(table, call, skipped, &name)) {
                std::printf("  %s: refused\n", call.kernel.c_str());
                return false;
            }
            seen.insert(name);
            if (!right(memory.buffers[call.output], wanted, name.c_str())) return false;
        }
    }
    return true;
}

// The whole program in one arena, its buffers in any order.
std::unique_ptr<InferenceSession> whole(const KernelTable& kernels, const Chain& chain) {
    Program program;
    program.constants = chain.constants;
    program.arena = 0;
    for (const Step& step : chain.steps) program.steps.push_back(step.call);
    std::vector<size_t> order;
    for (size_t i = 0; i < chain.buffers.size(); ++i) order.push_back(i);
    for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[generator() % (i + 1)]);
    program.offsets.resize(order.size());
    for (const size_t i : order) {
        program.offsets[i] = program.arena;
        program.arena += chain.buffers[i].count();
    }
    for (const Size& size : chain.buffers) program.sizes.push_back(size.count());
    program.result = static_cast<ptrdiff_t>(order.size()) - 1;
    const Architecture architecture = {
        chain.image.c, chain.image.h, chain.image.w, {}, program.sizes.back()};
    return make_program_session(kernels, architecture, std::move(program));
}

// The same bits as step by step, for every image, by several threads.
bool check_whole(const KernelTable& kernels, const Memory& memory) {
    constexpr int kImages = 33;
    const Floats& last = memory.buffers.back();
    std::vector<uint8_t> images;
    Floats scaled, logits(kImages * last.size()), of_floats(logits);
    std::vector<uint8_t> labels(kImages);
    for (int i = 0; i < kImages; ++i) {
        images.insert(images.end(), memory.raw.begin(), memory.raw.end());
        for (const uint8_t pixel : memory.raw) scaled.push_back(pixel * (1.0f / 255.0f));
    }
    const auto session = whole(kernels, memory.chain);
    session->infer(images.data(), kImages, {logits.data(), nullptr, nullptr, nullptr}, 2);
    session->infer(scaled.data(), kImages, {of_floats.data(), nullptr, nullptr, nullptr}, 2);
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] == last[i % last.size()] && std::isfinite(of_floats[i])) continue;
        std::printf("  whole: value %zu is %.9g, not %.9g\n", i, static_cast<double>(logits[i]),
                    static_cast<double>(last[i % last.size()]));
        return false;
    }
    return true;
}

// Other numbers in a step: refused, or computed inside its arguments. Returns how many of each.
void damage(const ProgramKernelTable& table, Memory& memory, ptrdiff_t (&counts)[2]) {
    const std::initializer_list<ptrdiff_t> others = {-1, 0, 1, 2, 7, 1 << 20, INT32_MAX, INT32_MIN};
    for (const Step& step : memory.chain.steps) {
        for (int time = 0; time < 6; ++time) {
            ProgramStep call = step.call;
            char* at = call.fields.data() +
                       4 * draw(0, static_cast<ptrdiff_t>(call.fields.size()) / 4 - 1);
            int value;
            std::memcpy(&value, at, sizeof value);
            value =
                static_cast<int>(one_in(2) ? others.begin()[draw(0, 7)]
                                           : static_cast<ptrdiff_t>(value) + (one_in(2) ? 1 : -1));
            std::memcpy(at, &value, sizeof value);
            ++counts[memory.run(table, call)];
        }
    }
}

// The names of all kernels and algorithms.
std::set<std::string> all_names() {
    std::set<std::string> names;
    for (const KernelTable* kernels : available_kernels()) {
        const ProgramKernelTable& table = program_kernels(*kernels);
        for (int i = 0; i < kProgramKernelCount; ++i) names.insert(table.kernels[i].name);
        for (int i = 0; i < table.algorithm_count; ++i) names.insert(table.algorithms[i].name);
    }
    if (!avx512_is_halved()) names.erase("halves");  // which is for processors that do so
    return names;
}

}  // namespace

int main(int count, char** words) {
    const int cases = count > 1 ? std::atoi(words[1]) : 200;
    int wrong = 0;
    ptrdiff_t counts[2] = {};
    std::set<std::string> seen;
    for (int i = 1; i <= cases; ++i) {
        const Chain chain = random_chain();
        for (const KernelTable* kernels : available_kernels()) {
            Memory memory(chain);
            const ProgramKernelTable& table = program_kernels(*kernels);
            if (!check_steps(table, memory, seen) || !check_whole(*kernels, memory)) {
                std::printf("%s: case %d is WRONG\n", kernels->name, i);
                ++wrong;
                continue;
            }
            damage(table, memory, counts);
        }
    }
    std::printf(
        "%d programs of %zu kernels on %zu instruction sets, %d wrong; "
        "damaged steps: %td refused, %td inside\n",
        cases, seen.size(), available_kernels().size(), wrong, counts[0], counts[1]);
    bool all = true;
    for (const std::string& name : all_names()) {
        if (seen.count(name)) continue;
        std::printf("%s never ran\n", name.c_str());
        all = false;
    }
    return wrong || cases < 1 || !all ? EXIT_FAILURE : EXIT_SUCCESS;
}
