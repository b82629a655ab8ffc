"""Files, processes, the CPU, signals and installed packages: what the operating system gives."""
