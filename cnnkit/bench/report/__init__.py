"""What becomes of the measurements: results, tables, plots, comparisons with earlier runs."""
