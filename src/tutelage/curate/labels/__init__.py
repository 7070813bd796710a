"""Which labels of a classification are probably wrong."""
