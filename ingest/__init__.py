"""The measuring half of the neuron warehouse: text and models in, sufficient statistics in DuckDB out."""

from app.warehouse import connect

__all__ = ["connect"]
