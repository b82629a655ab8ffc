"""Results as tables, charts and regressions."""
