"""Predictions: a model over recordings, whole or in windows, written as JSON lines, CSV or Parquet."""
