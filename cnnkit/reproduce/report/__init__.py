"""The report of a reproduction: its sections, figures, Markdown and HTML."""
