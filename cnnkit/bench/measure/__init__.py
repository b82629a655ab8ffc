"""Measuring: time, FLOP, the machine's limits, cnnkit's parts and whole processes."""
