"""Which items of evaluation sets stand in the training data, by the runs of words they share."""
