"""How likely a local model finds each response, with its prompt and without; needs torch, which
nothing else in this room does: whoever names no model imports nothing of this folder."""
