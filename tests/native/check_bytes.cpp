// Random programs of integers on every instruction set of this machine: every algorithm that takes
// a step, byte by byte, and whole programs by several threads. Then steps with damaged numbers.
// Every argument has a memory of its own, exactly as large as it is with its slack, so that
// sanitizers see what leaves it. Without Python, so that emulators can run it.
//
//     check_bytes COUNT [TABLE]
#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>

#include "byte_chain.h"
#include "runtime/buffer.h"

namespace {

using namespace cnnkit;

// Bytes with the slack behind them, which hold anything.
Bytes with_slack(Bytes bytes) {
    for (ptrdiff_t i = 0; i < kByteSlack; ++i) bytes.push_back(static_cast<uint8_t>(draw(0, 255)));
    return bytes;
}

const ByteKernel& find(const ByteKernelTable& table, const std::string& name) {
    for (int i = 0; i < kByteKernelCount; ++i)
        if (table.kernels[i].name == name) return table.kernels[i];
    throw std::invalid_argument(name);
}

// Aligned as the engine's memory is.
struct Memory {
    explicit Memory(ptrdiff_t count)
        : kept(allocate(count + 64)), bytes(static_cast<uint8_t*>(kept.get())) {
        for (ptrdiff_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(draw(0, 255));
    }
    Buffer kept;
    uint8_t* bytes;
};

// A step's arguments in memories of their own.
struct Call {
    std::vector<Bytes> kept;
    const void* in[kMostByteInputs] = {};
    ptrdiff_t sizes[kMostByteInputs + 1] = {};
    Bytes y;

    Call(const ByteStep& step, const std::vector<const Bytes*>& values, ptrdiff_t bytes)
        : y(bytes + kByteSlack, 77) {
        for (const Bytes* value : values) kept.push_back(with_slack(value ? *value : Bytes()));
        for (size_t i = 0; i < values.size(); ++i) {
            if (values[i]) in[i] = kept[i].data();
            if (values[i]) sizes[i] = static_cast<ptrdiff_t>(values[i]->size());
        }
        sizes[step.call.inputs.size()] = bytes;
    }
    Bytes made() const { return {y.begin(), y.end() - kByteSlack}; }
};

// What each algorithm makes of a step, and its kernel, by name.
bool check_step(const ByteKernelTable& table, const ByteStep& step,
                const std::vector<const Bytes*>& values, const Bytes& right,
                std::set<std::string>& seen) {
    const void* fields = step.call.fields.data();
    const ByteKernel& kernel = find(table, step.call.kernel);
    const auto judge = [&](const Call& call, const char* name) {
        seen.insert(name);
        bool kept = true;
        for (ptrdiff_t i = 0; i < kByteSlack; ++i) kept = kept && call.y[right.size() + i] == 77;
        if (call.made() == right && kept) return true;
        const Bytes made = call.made();
        size_t first = 0;
        while (first < right.size() && made[first] == right[first]) ++first;
        std::printf("  %s of %s: byte %zu of %zu is wrong\n", name, table.name, first,
                    right.size());
        return false;
    };
    Call plain(step, values, static_cast<ptrdiff_t>(right.size()));
    if (step.call.fields.size() != kernel.field_bytes || !kernel.fits(fields, plain.sizes)) {
        std::printf("  %s: refused\n", kernel.name);
        return false;
    }
    kernel.run(fields, plain.in, plain.y.data());
    if (!judge(plain, kernel.name)) return false;
    for (int i = 0; i < table.algorithm_count; ++i) {
        const ByteAlgorithm& fast = table.algorithms[i];
        if (step.call.kernel != fast.kernel || !fast.fits(fields)) continue;
        Call call(step, values, static_cast<ptrdiff_t>(right.size()));
        const Memory prepared(fast.prepare ? fast.prepared_bytes(fields) : 0);
        if (fast.prepare && !fast.prepare(fields, call.in, prepared.bytes)) continue;
        const Memory workspace(fast.workspace_bytes(fields));
        const ptrdiff_t parts = fast.parts(fields), cut = draw(0, parts);
        const auto run = [&](ptrdiff_t first, ptrdiff_t end) {
            if (first < end)
                fast.run(fields, prepared.bytes, call.in, call.y.data(), workspace.bytes, first,
                         end);
        };
        run(cut, parts), run(0, cut);
        if (!judge(call, fast.name)) return false;
    }
    return true;
}

std::unique_ptr<ProgramSession> whole(const ByteKernelTable& table, const ByteChain& chain) {
    ByteProgram program;
    program.arena = 0, program.result = chain.last();
    for (const ByteStep& step : chain.steps) program.steps.push_back(step.call);
    for (const Bytes& constant : chain.constants)
        program.constants.emplace_back(constant.begin(), constant.end());
    for (const Size& size : chain.buffers) {
        program.sizes.push_back(size.count()), program.offsets.push_back(program.arena);
        program.arena += (size.count() + 3) / 4 * 4;
    }
    const Architecture architecture = {
        chain.image.c, chain.image.h, chain.image.w, {}, chain.buffers.back().count() / 4};
    return make_byte_session(table, architecture, std::move(program));
}

bool check_whole(const ByteKernelTable& table, const ByteChain& chain, const Bytes& raw,
                 const Bytes& right) {
    constexpr int kImages = 9;
    Bytes images;
    for (int i = 0; i < kImages; ++i) images.insert(images.end(), raw.begin(), raw.end());
    Floats logits(kImages * right.size() / sizeof(float));
    whole(table, chain)
        ->infer(images.data(), kImages, {logits.data(), nullptr, nullptr, nullptr}, 2);
    for (int i = 0; i < kImages; ++i) {
        const float* found = logits.data() + i * right.size() / sizeof(float);
        if (std::memcmp(found, right.data(), right.size()) == 0) continue;
        std::printf("  whole program of %s: image %d is wrong\n", table.name, i);
        return false;
    }
    return true;
}

// Other numbers in steps: the session refuses them, or runs inside its arguments.
void damage(const ByteKernelTable& table, ByteChain chain, const Bytes& raw,
            ptrdiff_t (&counts)[2]) {
    const ptrdiff_t others[] = {-1, 0, 1, 2, 7, 1 << 20, INT32_MAX, INT32_MIN};
    std::vector<char>& fields = chain.steps[draw(0, chain.steps.size() - 1)].call.fields;
    char* at = fields.data() + 4 * draw(0, static_cast<ptrdiff_t>(fields.size()) / 4 - 1);
    int value;
    std::memcpy(&value, at, sizeof value);
    value = static_cast<int>(one_in(2) ? others[draw(0, 7)]
                                       : value + (one_in(2) ? ptrdiff_t{1} : -ptrdiff_t{1}));
    std::memcpy(at, &value, sizeof value);
    bool runs = true;
    try {
        float* const none = nullptr;
        whole(table, chain)->infer(raw.data(), 1, {none, none, none, nullptr});
    } catch (const std::invalid_argument&) {
        runs = false;
    }
    ++counts[runs];
}

// One program on every table; the bytes that each step should make stay with it.
bool check(const ByteChain& chain, const std::vector<const ByteKernelTable*>& tables,
           std::set<std::string>& seen, ptrdiff_t (&counts)[2]) {
    Bytes raw(chain.image.count());
    for (uint8_t& pixel : raw) pixel = static_cast<uint8_t>(one_in(4) ? 255 : draw(0, 255));
    std::vector<Bytes> buffers;
    for (const Size& size : chain.buffers) buffers.emplace_back(size.count());
    bool good = true;
    for (const ByteStep& step : chain.steps) {
        std::vector<const Bytes*> values;
        for (const ptrdiff_t place : step.call.inputs)
            values.push_back(place >= 0    ? &buffers[place]
                             : place == -1 ? nullptr
                                           : &chain.constants[-2 - place]);
        if (step.call.kernel == "pixels") values[1] = &raw;
        const Bytes right = step.reference(values);
        for (const ByteKernelTable* table : tables)
            good = check_step(*table, step, values, right, seen) && good;
        buffers[step.call.output] = right;
    }
    for (const ByteKernelTable* table : tables) {
        good = check_whole(*table, chain, raw, buffers.back()) && good;
        damage(*table, chain, raw, counts);
    }
    return good;
}

}  // namespace

int main(int count, char** words) {
    const int cases = count > 1 ? std::atoi(words[1]) : 200;
    std::vector<const ByteKernelTable*> tables;
    for (const ByteKernelTable* table : available_byte_kernels())
        if (count < 3 || std::string(words[2]) == table->name) tables.push_back(table);
    int wrong = 0;
    ptrdiff_t counts[2] = {};
    std::set<std::string> seen, known;
    for (int i = 1; i <= cases; ++i) {
        const ByteChain chain = random_byte_chain();
        if (check(chain, tables, seen, counts)) continue;
        std::printf("case %d is WRONG\n", i);
        ++wrong;
    }
    for (const ByteKernelTable* table : tables) {
        for (int i = 0; i < kByteKernelCount; ++i) known.insert(table->kernels[i].name);
        for (int i = 0; i < table->algorithm_count; ++i) known.insert(table->algorithms[i].name);
        std::printf("%s ", table->name);
    }
    std::printf(
        "- %d programs, %zu of %zu kernels and algorithms, %d wrong; damaged programs: %td "
        "refused, "
        "%td run\n",
        cases, seen.size(), known.size(), wrong, counts[0], counts[1]);
    return wrong || cases < 1 || seen.size() < known.size() ? EXIT_FAILURE : EXIT_SUCCESS;
}
