"""The one place where a conversation becomes token ids, and token ids become trees.

Training, evaluation, chat and export all go through `Renderer`; nothing else tokenizes.
"""

from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Rendered, Renderer

__all__ = ["PromptOptions", "Rendered", "Renderer"]
