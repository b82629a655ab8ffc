"""The files that hold networks, a package a format."""
