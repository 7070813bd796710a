"""Answers and likelihoods from a model: what evaluation, chat and serving run on.

Prompts come from the one renderer as token ids; what comes back is token ids with their
log-probabilities and the reason why the answer ended. Importing this package loads nothing, so
that a recipe can read its options without torch.
"""
