"""The report of a reproduction: its sections and figures, as Markdown and as HTML."""
