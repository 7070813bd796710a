"""Answers and likelihoods from a model: what evaluation, chat and serving run on.

Prompts come from the one renderer as token ids; what comes back is token ids with their
log-probabilities and the reason why the answer ended.
"""

from tutelage.infer.backend import Answer, Backend, Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.likelihood import log_likelihoods
from tutelage.infer.options import DecodeOptions

__all__ = ["Answer", "Backend", "DecodeOptions", "Decoder", "Request", "log_likelihoods"]
