"""What decoders are set to: each setting is declared once, for every method whose answers take it.

A method's settings name those that its kind of answers chooses; None means: chosen on validation.
"""

from typing import Any

from pydantic import Field

# Of one label, and of grades.
TEMPERATURE: Any = Field(
    None,
    gt=0,
    description="Temperature: logits are divided by it before they are probabilities; None: fitted on validation.",
)
ORDER: Any = Field(
    None,
    description="The grades from the lowest to the highest; None: numbers by their size, words by a scale that is known.",
)
# Of sets of labels.
RULE: Any = Field(
    None,
    description="Slope and offset of each label's sigmoid, and the least probability at which it is answered; None: "
    "fitted on validation.",
)
# Of scores.
HALF_WIDTH: Any = Field(
    None,
    ge=0,
    description="Half the width of an answer's interval, in units of the score; None: from errors on validation.",
)
COVERAGE: Any = Field(
    0.9, gt=0, lt=1, description="Share of answers whose interval should contain the true value, 0 to 1."
)
# Of spans.
OUTSIDE_BIAS: Any = Field(
    None, description="Added to the score of O, below 0 to find more; None: chosen on validation."
)
CALIBRATION: Any = Field(
    None, description="Slope and intercept of the spans' probabilities; None: fitted on validation."
)
# Of answers from passages.
VERDICT: Any = Field(
    None,
    description="Threshold and calibration, the fields of `tasks.answers.answer_threshold.AnswerThreshold`; None: chosen "
    "on validation.",
)
