"""The learning rate of a fine-tuning where none is set: computed without torch."""

import numpy as np

# Learned on banking77 with MiniLM; Chinese titles with multilingual E5 took 2e-4 well at 490 steps.
LEARNING_RATE, ITS_STEPS = 1.5e-4, 600
LOWEST_RATE, HIGHEST_RATE = 5e-5, 2.5e-4


def default_learning_rate(steps: float) -> float:
    """Give the peak learning rate for a run of so many steps.

    The distance that weights travel grows with the root of the steps, so the rate falls with it: few steps need
    longer ones, while a hundred thousand at that size would unlearn the base. Held between 5e-5 and 2.5e-4, the
    range in which small encoders (20 to 120 million weights) train without falling apart.
    """
    return float(np.clip(LEARNING_RATE * np.sqrt(ITS_STEPS / max(steps, 1)), LOWEST_RATE, HIGHEST_RATE))
