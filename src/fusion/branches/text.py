"""Tokens -> features, by a Hugging Face encoder such as CodeBERTa."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from fusion.config.errors import UserError, first_line


class HuggingFaceEncoder(nn.Module):
    """input_ids (B, T), attention_mask (B, T) -> (B, dim), the mean over the text or the first token."""

    def __init__(self, encoder: Any, pooling: str):
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.architecture: dict[str, Any] = encoder.config.to_dict()  # what from_architecture takes
        self.dim: int = encoder.config.hidden_size

    def forward(self, text: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = text["attention_mask"]
        x = self.encoder(input_ids=text["input_ids"], attention_mask=mask.long()).last_hidden_state  # (B, T, D)
        if self.pooling == "cls":
            return x[:, 0]  # (B, D)
        mask = mask[..., None].to(x.dtype)
        return (x * mask).sum(1) / mask.sum(1).clamp(min=1)  # (B, D)


def from_folder(folder: Path, pooling: str) -> tuple[HuggingFaceEncoder, Tokenizer]:
    """Return the encoder and the tokenizer of a folder in Hugging Face's layout.

    Weights must be safetensors or plain tensors. Raises UserError for a folder that lacks a part, or whose weights do.
    """
    from transformers import AutoModel, AutoTokenizer

    try:
        encoder, loaded = AutoModel.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
        if missing := sorted(key for key in loaded["missing_keys"] if "pooler" not in key):  # which is not used
            raise ValueError(f"its weights lack {missing[0]}")
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # SafetensorError and UnpicklingError derive from nothing narrower
        raise UserError(
            f"{folder} holds no model and tokenizer that transformers can read ({first_line(error)})."
        ) from error
    return HuggingFaceEncoder(encoder, pooling), tokenizer.backend_tokenizer


def from_architecture(architecture: dict[str, Any], pooling: str) -> HuggingFaceEncoder:
    """{model_type: roberta, hidden_size: ...} -> the encoder with random weights, nothing downloaded."""
    from transformers import AutoConfig, AutoModel

    # `attn_implementation: owner/name` would have transformers fetch code from the hub and run it
    fields = {key: value for key, value in architecture.items() if not key.endswith("_implementation")}
    try:
        config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    except (ValueError, KeyError) as error:
        raise UserError(f"text.architecture is not one that transformers knows ({error}).") from error
    return HuggingFaceEncoder(AutoModel.from_config(config), pooling)
