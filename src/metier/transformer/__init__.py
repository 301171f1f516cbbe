"""Methods that stand on a pretrained encoder or a causal language model.

A method is asked for by its name in the catalogue or imported from its own module (`metier.transformer.tuned.encoder`).
"""
