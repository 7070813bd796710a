"""What must not be in training data: personal data, secrets, attacks, insults.

The kinds and word lists; the checks that use them are in `curate/checks`.
"""
