// Work shared over threads: one small pool for the process, started when first needed.
#pragma once

namespace cnnkit {

// Calls work(context, i) for every 0 <= i < count, on this thread and up to threads - 1 others;
// returns when all are done. With threads = 1, or while another caller has the pool, everything
// runs on this thread alone.
void parallel_for(int threads, long count, void (*work)(void* context, long i), void* context);

// What it takes to hand a helper some work and to see that it is done, in nanoseconds: measured
// when first asked, which takes up to a millisecond. Infinite while another caller has the pool.
double handover_ns();

}  // namespace cnnkit
