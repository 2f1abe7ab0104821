"""The measuring half of the neuron warehouse: text and models in, sufficient statistics in DuckDB out."""
