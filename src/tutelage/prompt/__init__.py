"""The one place where a conversation becomes token ids, and token ids become trees.

Training, evaluation, chat and export all go through `renderer.Renderer`; nothing else tokenizes.
Importing this package loads nothing, so that a recipe can read its options without torch.
"""
