from seqzoo.tasks.selective_copying import SelectiveCopying


def test_tokens_are_spread_evenly() -> None:
    # What stands there is tested in test_copying.py, for both tasks.
    batch = SelectiveCopying.Spec(length=21, count=4).build().train_batch(8000, 0, 0)
    shares = (batch.tokens[:, :16] > 1).float().mean(0)
    assert (shares - 0.25).abs().max() < 0.025  # 5 standard deviations
