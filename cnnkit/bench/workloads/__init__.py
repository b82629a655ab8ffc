"""What is timed: inputs, weights and the float64 reference that every output is compared with."""
