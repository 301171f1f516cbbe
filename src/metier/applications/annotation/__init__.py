"""Annotation of images: labels of a model where it is sure, a queue for readers where it is not, and their labels back."""
