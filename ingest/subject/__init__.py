"""The language model under study: located, checked, loaded, probed; the only room that imports transformer_lens."""
