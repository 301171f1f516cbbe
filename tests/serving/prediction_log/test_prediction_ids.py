"""Ids of predictions: unique, and in the order of time."""

import uuid
from datetime import UTC, datetime, timedelta

from metier.serving.prediction_log.ids import first_id_of, is_prediction_id, new_prediction_ids, time_of


def test_ids_are_uuids_of_version_7_and_sort_as_they_were_made():
    made = new_prediction_ids(5_000)
    assert len(set(made)) == 5_000
    assert made == sorted(made)
    read = uuid.UUID(made[0])
    assert (str(read), read.version, read.variant) == (made[0], 7, uuid.RFC_4122)
    assert all(map(is_prediction_id, made))
    assert not any(map(is_prediction_id, ["", made[0].upper(), str(uuid.uuid4()), made[0] + "\n"]))


def test_an_id_knows_when_it_was_made():
    before = datetime.now(UTC)
    [made] = new_prediction_ids(1)
    assert abs(time_of(made) - before) < timedelta(seconds=5)
    assert first_id_of(before - timedelta(minutes=1)) < made < first_id_of(before + timedelta(minutes=1))
    when = datetime(2026, 11, 30, 9, 15, 2, 118_000, UTC)
    assert time_of(first_id_of(when)) == when
