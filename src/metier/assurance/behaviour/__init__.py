"""Behaviour tests [1]_: what edits of a question may not change, what must change with them, and what must be right.

References
----------
.. [1] Ribeiro, Wu, Guestrin and Singh, "Beyond accuracy: behavioral testing of NLP models with CheckList", 2020,
   arXiv:2005.04118.
"""
