"""When two candidates count as the same, for whoever chooses between them and whoever reports the choice."""

# With a chance above this of being worse by more than the tolerance, nothing is called tied.
TIED_BELOW = 0.1
# Two times within this ratio are the same time: the clock is no finer.
SAME_COST_RATIO = 1.15
