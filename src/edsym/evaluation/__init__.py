"""Evaluation: predictions, metrics, aggregation over views, tables and figures."""
