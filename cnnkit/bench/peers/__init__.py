"""Peers: the runtimes that cnnkit is timed beside, and cnnkit itself; a factory prepares each."""
