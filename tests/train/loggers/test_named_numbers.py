from seqzoo.train.loggers.named_numbers import named_numbers


def test_names_say_which_kind_of_row_and_the_step_is_no_curve() -> None:
    row = {"kind": "train", "step": 5, "loss": 1.5, "tokens": 80, "wall_s": 0.25}
    assert named_numbers(row) == {"train/loss": 1.5, "train/tokens": 80.0, "train/wall_s": 0.25}
    assert named_numbers({"kind": "evaluation", "step": 5, "hr@10": 1}) == {"evaluation/hr@10": 1.0}
