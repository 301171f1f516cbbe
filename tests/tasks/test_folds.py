import numpy as np

from metier.tasks.folds import fold_numbers, held_out, stratified_sample

TRUTH = np.repeat(np.arange(4), [500, 300, 199, 1])


def random():
    return np.random.RandomState(0)


def test_every_fold_has_its_share_of_every_label():
    folds = fold_numbers(TRUTH, n_folds=10, random=random())
    for label, rows in ((0, 500), (1, 300), (2, 199)):
        counts = np.bincount(folds[label == TRUTH], minlength=10)
        assert counts.max() - counts.min() <= 1
        assert counts.sum() == rows


def test_the_only_row_of_a_label_is_never_held_out():
    assert fold_numbers(TRUTH, n_folds=10, random=random())[TRUTH == 3].tolist() == [-1]


def test_few_rows_are_all_held_out_once_and_labels_stay_in_training():
    truth = np.repeat(np.arange(3), [50, 20, 2])
    away = np.concatenate([held for _, held in held_out(truth, random=random())])
    assert sorted(away) == list(range(72))
    for training, held in held_out(truth, random=random()):
        assert set(truth[training]) == {0, 1, 2}
        assert not set(training) & set(held)


def test_of_many_rows_a_tenth_is_held_out():
    ((training, away),) = held_out(TRUTH, random=random())
    assert len(training) + len(away) == 1_000
    assert 98 <= len(away) <= 101


def test_one_row_a_label_leaves_nothing_to_hold_out():
    assert list(held_out(np.arange(5), random=random())) == []


def test_a_sample_keeps_the_mix_and_every_label():
    sample = stratified_sample(TRUTH, fraction=0.1, random=random())
    assert np.bincount(TRUTH[sample]).tolist() == [50, 30, 19, 1]
    assert (np.diff(sample) > 0).all()
    assert np.bincount(TRUTH[stratified_sample(TRUTH, fraction=0.001, random=random())]).tolist() == [
        2,
        2,
        2,
        1,
    ]
