from seqzoo_prism.released import ReleasedVariableTracking


def test_the_rule_reaches_the_ceiling_and_no_more(rows) -> None:
    right = wrong = guessed = 0
    for tokens, label in rows(ReleasedVariableTracking):
        assert tokens[-2] == 1
        assert all(10 <= token < 32 for token in (*tokens[:-2], tokens[-1]))
        name = tokens[-1]
        occurrences = [i for i in range(54) if tokens[i] == name]
        candidates = [tokens[i + 1] for i in occurrences]
        right += candidates[-1] == label
        wrong += candidates[0] == label
        guessed += candidates.count(label) / len(candidates)
    assert abs(right / 20_000 - ReleasedVariableTracking.ceiling) < 0.01
    assert abs(wrong / 20_000 - 0.24) < 0.02  # the first occurrence is rarely the last value
    assert abs(guessed / 20_000 - 0.35) < 0.02


def test_a_later_assignment_overwrites_the_value_before_it() -> None:
    batch = ReleasedVariableTracking.Spec(length=13).build().train_batch(5_000, 0, 0)
    asked_last = 0
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        assert tokens[-1] in tokens[:3]  # places 0, 1 and 2: three names, and one value
        if tokens[2] == tokens[-1]:
            assert labels[-1] == tokens[3]
            asked_last += 1
    assert asked_last > 2_000


def test_each_assigned_name_is_asked_alike() -> None:
    batch = ReleasedVariableTracking.Spec(length=13).build().train_batch(20_000, 0, 0)
    first = middle = twice = 0
    for tokens in batch.tokens.tolist():
        a, b, c = tokens[:3]
        if a == b != c:  # two names: each is asked half the time, not two thirds
            twice += 1
            first += tokens[-1] == a
        if len({a, b, c}) == 3:
            middle += tokens[-1] == b
    assert 0.47 < first / twice < 0.53
    assert 0.30 < middle / (20_000 * 2 / 9) < 0.37
