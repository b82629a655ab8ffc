"""What cnnkit is timed beside: one factory for each way to compute a workload."""
