"""Tensors in, columns of sums out; this room knows no model names, no files and no SQL."""
