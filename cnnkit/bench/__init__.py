"""Benchmarks that can be believed: `run_benchmark(BenchConfig())`, or `cnnkit bench`.

Data flows one way: suites -> workload -> peers -> contest (verify, then timing) -> results ->
report, pictures, compare.
"""
