"""A small random mT5 that spells in bytes: Uni-Sign without a download, for trials.

Bytes are a vocabulary for all languages (Xue et al., "ByT5", TACL 2022), so there is no file to
make or to find.
"""

from __future__ import annotations

from typing import Any, Final

import torch

RANDOM: Final = "random"
"""What `model.language_model` is set to for it."""
SPECIAL: Final = 3
"""Padding, the end of a text, and the unknown: tokens before the 256 bytes."""
WIDTH: Final = 64
LAYERS: Final = 2
"""Of the encoder, and as many of the decoder."""
HEADS: Final = 4


def byte_tokenizer() -> Any:
    """The tokenizer of ByT5, which needs no vocabulary."""
    from transformers import ByT5Tokenizer

    return ByT5Tokenizer(extra_ids=0)


def random_mt5() -> Any:
    """The network, with weights from torch's generator.

    A token's vector begins with a length of about 1, not of the root of its width as mT5 draws it:
    scores are products with the same vectors, so that the first losses would be about 30, and the
    first of few steps would go into making them smaller.
    """
    from transformers import MT5Config, MT5ForConditionalGeneration

    made: Any = MT5ForConditionalGeneration(
        MT5Config(
            vocab_size=SPECIAL + 256,
            d_model=WIDTH,
            d_kv=WIDTH // HEADS,
            d_ff=2 * WIDTH,
            num_layers=LAYERS,
            num_decoder_layers=LAYERS,
            num_heads=HEADS,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )
    with torch.no_grad():
        made.get_input_embeddings().weight.mul_(WIDTH**-0.5)
    return made
