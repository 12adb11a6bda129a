"""Writes a small random mT5 with a tokenizer of a build's own words, for trials of Uni-Sign.

    python small_mt5.py --data BUILD --out DIR
    sign-etl train unisign/isolated --data BUILD --set model.language_model=DIR

It knows no language: two layers, 64 wide, and as many tokens as the sentences, glosses and labels
of the build give. It shows that everything runs without a download, and nothing else. Where bytes
will do for tokens, `model.language_model=random` needs no folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import UnigramTrainer

from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import SignEtlError, UsageError
from sign_etl.models.vision import guard_torchvision
from sign_etl.reader import open_build

SPECIAL = ("<pad>", "</s>", "<unk>")
PROMPT = "Translate sign language video to English Italian Chinese German: "
MOST_TOKENS = 400


def sentences_of(build: Path) -> list[str]:
    """All texts, glosses and labels of a build, sorted.

    Raises:
        UsageError: it has none, or is no build.
    """
    index = open_build(build).index
    columns = (index[name].to_pylist() for name in ("text", "gloss", "label"))
    found = sorted({text for column in columns for text in column if text})
    if not found:
        raise UsageError(
            f"{build} has no text, gloss or label", hint="name a build that has some with --data"
        )
    return found


def write_small_mt5(
    folder: Path, sentences: Iterable[str], *, width: int = 64, tokens: int = MOST_TOKENS
) -> Path:
    """Write tokenizer, configuration and random weights; returns the folder.

    Args:
        folder: to create.
        sentences: whose words the tokenizer has.
        width: size of a token's vector.
        tokens: most of them.
    """
    guard_torchvision()
    from transformers import MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = UnigramTrainer(
        vocab_size=tokens,
        special_tokens=list(SPECIAL),
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(list(sentences), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = MT5Config(
        vocab_size=len(fast),
        d_model=width,
        d_kv=16,
        d_ff=2 * width,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="small_mt5.py", description="A small random mT5.")
    parser.add_argument("--data", type=Path, required=True, help="a build")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    options = parser.parse_args(arguments)
    out = Output()
    try:
        write_small_mt5(options.out, [*sentences_of(options.data), PROMPT])
    except SignEtlError as error:
        tell_problems(out, [(error.message, error.hint)])
        return error.exit_code
    out.note(f"a small random mT5 at {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
