"""Who appears in a dataset, with what words, in what roles, and how they are spoken of."""
