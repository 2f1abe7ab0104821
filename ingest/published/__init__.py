"""Published data sets: the models that they describe, and the per-neuron frames of their authors."""
