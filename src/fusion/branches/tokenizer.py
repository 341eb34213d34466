"""Training texts -> a byte-level BPE tokenizer; texts -> input_ids and attention_mask (B, T), by BPE or by bytes."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from fusion.branches.tensors import as_tensors

if TYPE_CHECKING:
    import torch

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# A word with the blank before it, a number, a run of one character, a line end with the indentation that
# follows it, other white space. Indentation tells much about a language, so it is kept in one piece.
_PIECES = Regex(r"\n[ \t]*| ?\p{L}[\p{L}\p{M}]*| ?\p{N}{1,3}| ?([^\s\p{L}\p{N}])\1*|[^\S\n]+")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Texts of the training split alone -> tokenizer that gives every text back unchanged."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(CLS, tokenizer.token_to_id(CLS)), (SEP, tokenizer.token_to_id(SEP))]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{CLS} $A {SEP}", special_tokens=ends)
    return tokenizer


class Bpe:
    """Texts -> input_ids (B, T) int64 and attention_mask (B, T) bool, T the longest here, at most max_tokens."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int):
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # code that spells [SEP] is code
        tokenizer.enable_truncation(max_tokens)
        tokenizer.enable_padding(pad_id=_pad_id(tokenizer))

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        return as_tensors(self.arrays(texts))

    def arrays(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the same as numpy arrays."""
        encodings = self.tokenizer.encode_batch([_readable(text) for text in texts])
        return {
            "input_ids": np.array([row.ids for row in encodings], np.int64),  # (B, T)
            "attention_mask": np.array([row.attention_mask for row in encodings], bool),  # (B, T)
        }

    def to_json(self) -> str:
        """Return the tokenizer in the layout of the tokenizers library, so that others can read it too."""
        return self.tokenizer.to_str()


class Bytes:
    """Texts -> the same by [CLS], the bytes of the text in UTF-8, [SEP]; special tokens have the first numbers."""

    vocabulary = len(SPECIAL) + 256

    def __init__(self, max_tokens: int):
        self.max_tokens = max_tokens

    def __call__(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        return as_tensors(self.arrays(texts))

    def arrays(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the same as numpy arrays."""
        most = self.max_tokens - 2  # [CLS] and [SEP]
        data = [np.frombuffer(_readable(text[:most]).encode()[:most], np.uint8) for text in texts]
        ids = np.full((len(data), 2 + max(map(len, data), default=0)), SPECIAL.index(PAD), np.int64)  # (B, T)
        mask = np.zeros(ids.shape, bool)  # (B, T)
        for row, text in enumerate(data):
            ids[row, 0] = SPECIAL.index(CLS)
            ids[row, 1 : 1 + len(text)] = text.astype(np.int64) + len(SPECIAL)
            ids[row, 1 + len(text)] = SPECIAL.index(SEP)
            mask[row, : 2 + len(text)] = True
        return {"input_ids": ids, "attention_mask": mask}

    def decode(self, ids: Sequence[int]) -> str:
        """Tokens (T) -> the text between the special ones."""
        data = bytes(number - len(SPECIAL) for number in ids if number >= len(SPECIAL))
        return data.decode("utf-8", "replace")  # a character may be cut at max_tokens

    def to_json(self) -> str:
        return json.dumps({"kind": "bytes"})


def _pad_id(tokenizer: Tokenizer) -> int:
    """Return the number of the padding token, [PAD] or <pad>; 0 where there is none."""
    numbers = (tokenizer.token_to_id(name) for name in (PAD, "<pad>"))
    return next((number for number in numbers if number is not None), 0)


def _readable(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 text can hold, by a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
