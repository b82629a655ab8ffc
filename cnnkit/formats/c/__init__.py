"""C99 sources, written and read; never compiled here."""
