"""How time, FLOP, the machine's limits and whole processes are measured."""
