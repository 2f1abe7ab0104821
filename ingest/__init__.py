"""The measuring half of the neuron warehouse: text and models in, sufficient statistics in DuckDB out.

For notebooks, `from ingest import connect` is the readers' door; torch is not imported by it.
"""

from app.warehouse import connect

__all__ = ["connect"]
