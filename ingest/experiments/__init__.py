"""The network under study, changed on purpose: edits, and what is measured of an edited forward pass."""
