"""The whole circle with the frozen vectors of an encoder, whose head goes on without being fitted to the old rows again."""

import pytest

from tests.continual.test_circle import Circle, check_round, go_round


@pytest.mark.slow
def test_an_encoder_learns_new_topics_and_forgets_nothing(tmp_path):
    found = go_round(Circle(tmp_path), candidate="frozen_linear")
    assert found["learned"]["method"] != "refit.v1"
    check_round(found)
    print(found["learned"]["method"], found["learned"]["figures"], found["before"], found["now"])
    print(found["gate"]["forgetting"]["counts"], found["gate"]["forgetting"]["items"][0])
