"""What the command line tells of compression before any of it is loaded: the techniques, and the usual margin."""

MARGIN = 0.01  # Loss of the metric that the tests have to rule out, as a fraction.
# What each does, for lists.
SUMMARIES = {
    "int8": "INT8 with the range of each call",
    "int8_static": "INT8 with ranges set on training rows",
    "vocabulary": "leave out tokens that the rows do not need",
    "sparse": "drop small weights of a linear model, store the rest in bytes",
    "cascade": "let a linear model answer where it is sure",
    "static": "distil into static embeddings",
    "layers:N": "keep the N lowest layers, train again",
    "distil:N": "distil into N layers",
    "width:SHARE": "keep a share of heads and neurons, train again",
}
