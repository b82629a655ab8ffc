"""Benchmarks that can be believed: `run_benchmark(BenchConfig())`, or `cnnkit bench`.

Data flows one way: suites -> workloads -> peers -> case (verify, then measure) -> report.
"""
