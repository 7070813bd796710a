"""Models behind an OpenAI-compatible endpoint, asked through the seam `Backend`.

What comes back is untrusted: it is text, read within limits and never run. A call that fails is
never an answer. Nothing here loads torch.
"""
